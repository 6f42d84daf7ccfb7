-- Takes one from each bucket of KEYS, or from none. ARGV: now, and for each bucket the
-- interval and the whole, all in microseconds. Returns the theoretical arrival times
-- that were found, zero for a full bucket.
local now, found, after, open = tonumber(ARGV[1]), {}, {}, true
for i, key in ipairs(KEYS) do
  local interval, whole = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  found[i] = tonumber(redis.call('GET', key)) or 0
  local arrival = math.min(math.max(found[i], now), now + whole)
  if arrival < found[i] then -- the clock went back
    redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil(whole / 1000))
  end
  after[i] = arrival + interval
  open = open and after[i] <= now + whole
end
if open then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', after[i]), 'PX', math.ceil((after[i] - now) / 1000))
  end
end
return found
