SELECT count(*) FROM ({found}) AS found
