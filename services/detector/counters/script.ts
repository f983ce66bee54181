/**
 * The script that moves counters in Redis. An entity's value is a list of entries of 5 bytes, one for each event; when the list has grown
 * long it is folded into a state at the value's front, as `addTransaction` and `addLabel` of `models/fold/counters.ts` do it. A test holds the
 * two against each other, byte for byte. Most entities are seen seldom: to append is the cheapest write there is, and their values are short.
 *
 *     value  = [4 zero bytes, then the words of the state, big-endian] entry*
 *     entry  = time in seconds (4 bytes), then what it is (1 byte): a card's bit, 0 to 127, or one of `codes`
 *
 * KEYS    the shard's hash of positions, then the entities' keys
 * ARGV    seconds that an entity is kept; then for each partition its name, the position that its events begin at and the one after them;
 *         then for each entity in order 1 if it must be kept longer from now on (1 byte), how many events (2) and their entries; last, in
 *         the same order, each event's partition (2 bytes) and its position from where the partition's events begin (6)
 * Answer  for each partition -1, or the stored position where that lies before the events: a gap, and none of them was counted
 *
 * Of the events those at or after the stored position are counted. So a batch that is sent again adds nothing, and one of which a part has
 * been counted adds the rest. Positions fit a double.
 */
import { rings, span, stateWords } from '../../../models/fold/counters.ts'

export const entryBytes = 5
export const placeBytes = 8
/** Bytes of a state at the front of a value. */
export const stateBytes = 4 + 4 * stateWords

/** What an entry is, if it is no card's bit. Even codes add one, odd ones take one back. */
export const codes = { fraud: 128, noFraud: 129, genuine: 130, notGenuine: 131 } as const

/** Entries that a value may have before they are folded. */
export const mostEntries = 64

const words = 'I4'.repeat(stateWords)

export const moveScript = `
local call, floor, sub, spread = redis.call, math.floor, string.sub, unpack
local unpack, pack = struct.unpack, struct.pack

-- Where the record of that number is, made ready if its place held an earlier one; nil where it holds a later one
local function record(state, ring, records, words, number)
  local at = ring + number % records * words
  if state[at] > number then return nil end
  if state[at] < number then
    state[at] = number
    for i = at + 1, at + words - 1 do state[i] = 0 end
  end
  return at
end
local function count(state, ring, records, words, unit, card)
  local at = record(state, ring, records, words, floor(unit / ${span}))
  if not at then return end
  state[at + 1 + unit % ${span}] = state[at + 1 + unit % ${span}] + 1
  local word, bit = at + ${1 + span} + floor(card / 32), 2 ^ (31 - card % 32)
  if state[word] % (2 * bit) < bit then state[word] = state[word] + bit end
end
-- The words of a state, from 1 on as Lua counts, and the entries behind it
local function fold(value)
  local state, at = {}, 1
  if sub(value, 1, 4) == '\\0\\0\\0\\0' then
    state = { unpack('>${words}', value, 5) }
    at = ${stateBytes + 1}
  else
    for i = 1, ${stateWords} do state[i] = 0 end
  end
  for p = at, #value, ${entryBytes} do
    local seconds, code = unpack('>I4B', value, p)
    local hour, day = floor(seconds / 3600), floor(seconds / 86400)
    if code < 128 then
      if state[1] == 0 or seconds < state[1] then state[1] = seconds end
      count(state, ${rings.hours.at + 1}, ${rings.hours.records}, ${rings.hours.words}, hour, code)
      count(state, ${rings.days.at + 1}, ${rings.days.records}, ${rings.days.words}, day, code)
    else
      local at = record(state, ${rings.labels.at + 1}, ${rings.labels.records}, ${rings.labels.words}, floor(day / ${span}))
      if at then
        local word = at + 1 + day % ${span} + (code < ${codes.genuine} and 0 or ${span})
        state[word] = (state[word] + 1 - code % 2 * 2) % 4294967296
      end
    end
  end
  return '\\0\\0\\0\\0' .. pack('>${words}', spread(state, 1, ${stateWords}))
end

local names, answer, skip, moved, again = {}, {}, {}, {}, false
for i = 2, #ARGV - 2, 3 do names[#names + 1] = ARGV[i] end
local stored = call('HMGET', KEYS[1], spread(names))
for c = 1, #names do
  local at, from, to = tonumber(stored[c] or 0), tonumber(ARGV[3 * c]), ARGV[3 * c + 1]
  answer[c], skip[c] = -1, at - from
  if at < from then
    answer[c], skip[c], again = at, math.huge, true
  elseif tonumber(to) > at then
    moved[#moved + 1] = names[c]
    moved[#moved + 1] = to
  end
  if at > from then again = true end
end
local events, places, at, event = ARGV[#ARGV - 1], ARGV[#ARGV], 1, 0
for k = 2, #KEYS do
  local keep, n = unpack('>BI2', events, at)
  local entries = sub(events, at + 3, at + 2 + n * ${entryBytes})
  at = at + 3 + n * ${entryBytes}
  if again then
    local wanted = {}
    for i = 0, n - 1 do
      local c, offset = unpack('>I2I6', places, (event + i) * ${placeBytes} + 1)
      if offset >= skip[c] then wanted[#wanted + 1] = sub(entries, i * ${entryBytes} + 1, i * ${entryBytes} + ${entryBytes}) end
    end
    entries = table.concat(wanted)
  end
  event = event + n
  if entries ~= '' then
    local length = call('APPEND', KEYS[k], entries)
    if length > ${stateBytes} + ${mostEntries * entryBytes} or (length > ${mostEntries * entryBytes} and length < ${stateBytes}) then
      call('SET', KEYS[k], fold(call('GET', KEYS[k])), 'EX', ARGV[1])
    elseif keep == 1 or length == #entries then
      call('EXPIRE', KEYS[k], ARGV[1])
    end
  end
end
if #moved > 0 then call('HSET', KEYS[1], spread(moved)) end
return answer
`
