SELECT attempts FROM {delivery_keys} WHERE subscription = %s AND key = %s AND claim = %s FOR UPDATE
