UPDATE {checkpoints} SET position = %s WHERE name = %s AND position = %s AND position < %s
RETURNING position
