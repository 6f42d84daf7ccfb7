-- Gives one back to each bucket of KEYS. ARGV: now, and for each bucket the interval and
-- the whole, all in microseconds.
local now = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  local interval, whole = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local arrival = (tonumber(redis.call('GET', key)) or 0) - interval
  if arrival > now then
    redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil(math.min(arrival - now, whole) / 1000))
  else
    redis.call('DEL', key)
  end
end
