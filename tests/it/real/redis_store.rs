//! What the settings of the Redis store do, each shown on a real Redis.
