CREATE UNIQUE INDEX IF NOT EXISTS {position_index} ON {events} (notification_id)
