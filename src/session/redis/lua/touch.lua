-- What a script begins with that may find nothing to change (scripts.rs puts it there). WAIT counts the replicas that
-- have what its own connection wrote last. So that it speaks of what others wrote before, whoever finds nothing
-- writes, too: a key that goes by itself or, while the slot is being moved to another node, where only what is there can
-- be written, a record of KEYS[1] as it is.
local function touch(mark, millis)
  if redis.pcall('SET', mark, '', 'PX', millis).err then
    local one = redis.call('HRANDFIELD', KEYS[1], 1, 'WITHVALUES')
    redis.call('HSET', KEYS[1], one[1], one[2])
  end
end
