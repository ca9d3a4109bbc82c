COPY {events} (notification_id, originator_id, originator_version, topic, state) FROM STDIN (FORMAT BINARY)
