DROP TABLE IF EXISTS {schema}.{partition}
