NOTIFY {channel}
