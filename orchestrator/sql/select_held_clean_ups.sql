SELECT DISTINCT cluster_id, namespace FROM aetherius.repair_admissions WHERE clean_up_held
