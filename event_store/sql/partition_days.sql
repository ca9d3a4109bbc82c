UPDATE {partitioning} SET days = %s WHERE days <> %s
