DELETE FROM {deliveries} WHERE subscription = %s AND key = %s AND position <= %s
