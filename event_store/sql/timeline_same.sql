UPDATE {schema}.timelines SET server = %s WHERE number = (SELECT max(number) FROM {schema}.timelines)
