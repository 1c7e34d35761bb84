/**
 * Each change of a task is one script, so that no two servers see half of it. Keys of all: 1 the task, 2 the queue, 3 when
 * tasks expire, 4 what each takes, 5 what all take; `forget` takes one out of 3 to 5.
 */
const forget = `
local function forget(id)
  redis.call('ZREM', KEYS[3], id)
  local size = redis.call('HGET', KEYS[4], id)
  if size then redis.call('DECRBY', KEYS[5], size) redis.call('HDEL', KEYS[4], id) end
end
local function keep(id, size, expires, ttl)
  forget(id)
  redis.call('ZADD', KEYS[3], expires, id)
  redis.call('HSET', KEYS[4], id, size)
  redis.call('INCRBY', KEYS[5], size)
  redis.call('PEXPIRE', KEYS[1], ttl)
end
local function leave(entry)
  if entry and entry ~= '' then redis.call('XACK', KEYS[2], 'servers', entry) redis.call('XDEL', KEYS[2], entry) end
end
`;

/** ARGV: id, now, time to live, most tasks, most bytes, size, owner, weight, deadline, payload. 0 when there is no room. */
export const startScript = `${forget}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[2], 'LIMIT', 0, 1000)) do forget(id) end
local held = tonumber(redis.call('GET', KEYS[5]) or '0')
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[4]) or held + tonumber(ARGV[6]) > tonumber(ARGV[5]) then return 0 end
local entry = redis.call('XADD', KEYS[2], '*', 'task', ARGV[1])
redis.call('HSET', KEYS[1], 'state', 'pending', 'owner', ARGV[7], 'weight', ARGV[8], 'deadline', ARGV[9],
  'payload', ARGV[10], 'created', ARGV[2], 'entry', entry, 'attempts', 0)
keep(ARGV[1], ARGV[6], ARGV[2] + ARGV[3], ARGV[3])
return 1
`;

/** ARGV: the entry of the queue. Gives owner, weight, deadline, payload and attempts; nothing when there is nothing to do. */
export const beginScript = `${forget}
if redis.call('HGET', KEYS[1], 'state') ~= 'pending' then leave(ARGV[1]) return false end
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
return redis.call('HMGET', KEYS[1], 'owner', 'weight', 'deadline', 'payload', 'attempts')
`;

/** ARGV: id, now, time to live, most bytes, the entry, state, size, field, value, field, value ... 0 when it was no longer pending. */
export const finishScript = `${forget}
leave(ARGV[5])
if redis.call('HGET', KEYS[1], 'state') ~= 'pending' then return 0 end
local own = tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or '0')
local held = tonumber(redis.call('GET', KEYS[5]) or '0')
if held - own + tonumber(ARGV[7]) > tonumber(ARGV[4]) then return -1 end
redis.call('HSET', KEYS[1], 'state', ARGV[6], 'finished', ARGV[2], 'expires', ARGV[2] + ARGV[3])
for at = 8, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('HDEL', KEYS[1], 'payload')
keep(ARGV[1], ARGV[7], ARGV[2] + ARGV[3], ARGV[3])
return 1
`;

/** ARGV: id, now, time to live, owner. Gives the task as it is then; nothing when it is not there, or of another caller. */
export const cancelScript = `${forget}
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[4] then return false end
if redis.call('HGET', KEYS[1], 'state') == 'pending' then
  leave(redis.call('HGET', KEYS[1], 'entry'))
  redis.call('HSET', KEYS[1], 'state', 'cancelled', 'finished', ARGV[2], 'expires', ARGV[2] + ARGV[3])
  redis.call('HDEL', KEYS[1], 'payload')
  keep(ARGV[1], 0, ARGV[2] + ARGV[3], ARGV[3])
  return redis.call('HGETALL', KEYS[1])
end
local shown = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
forget(ARGV[1])
return shown
`;

/** ARGV: the entry, the server that had it, and what counts as gone: the next server to look takes it, and no attempt is counted. */
export const releaseScript = `
if redis.call('HGET', KEYS[1], 'state') ~= 'pending' then return 0 end
redis.call('HINCRBY', KEYS[1], 'attempts', -1)
redis.call('XCLAIM', KEYS[2], 'servers', ARGV[2], 0, ARGV[1], 'IDLE', ARGV[3], 'JUSTID')
return 1
`;
