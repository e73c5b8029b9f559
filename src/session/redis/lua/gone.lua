-- What is known of a session that is not there. KEYS: its note, devices
return {redis.call('GET', KEYS[1]), redis.call('HGET', KEYS[2], ARGV[1])}
