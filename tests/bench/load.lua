-- SPDX-License-Identifier: Apache-2.0
-- Load for wrk. Arguments after `--`: mode, method, file of targets, bytes of body, header, value.
--   cycle   each thread repeats the targets of FILE, starting at a place of its own; a body ends in a number
--   once    each thread reads FILE.<thread> once, then removes it and stops
--   fixed   each thread repeats one target of FILE; costs nothing per request, so bodies may be large
-- When all is done, one line: RESULT requests microseconds bytes failures p50 p99 mean (latencies in microseconds).

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

-- LuaJIT hashes a long string by its length and a few bytes at its ends, in its middle and at its
-- first quarter. Requests alike in all of those share one chain of its table of strings, and
-- walking that came to cost more than the server under test. So the last TAIL bytes of a body are
-- a number below TAILS, another one each time.
local TAIL, TAILS = 8, 4096

local requests, position = {}, 0
local before, after, tails, turn = nil, nil, {}, 0
local source, lines, first, last, repeats, method, body, headers

local function format(target)
    return wrk.format(method, target, headers, body)
end

local function next_of_cycle()
    position = position % #requests + 1
    return requests[position]
end

-- With a body they would fill the memory, so they are made anew each time, at the least cost.
local function next_with_body()
    position, turn = position % #requests + 1, turn % TAILS + 1
    return before .. requests[position] .. after .. tails[turn]
end

local function prepare_body()
    local target = "/TARGET"
    local sample = format(target)
    local from, to = sample:find(target, 1, true)
    before, after = sample:sub(1, from - 1), sample:sub(to + 1, -TAIL - 1)
    for i = 1, TAILS do tails[i] = string.format("%0" .. TAIL .. "d", i - 1) end
end

-- A thread that stops drops the replies it still waits for, so the last request is sent
-- again until those before it were surely answered.
local function next_of_file()
    if not last then -- wrk asks once for a request that it only looks at
        first = format(lines())
        last = first
        return first
    elseif first then
        first = nil
        return last
    end
    local line = lines and lines()
    if line then
        last = format(line)
    else
        lines = nil -- an exhausted file must not be asked again
        repeats = repeats + 1
        if repeats == 256 then os.remove(source) end
        if repeats >= 256 then wrk.thread:stop() end
    end
    return last
end

function init(args)
    local mode, file, bytes = args[1], args[3], tonumber(args[4] or "0")
    method = args[2]
    body = bytes > 0 and string.rep("0123456789abcdef", bytes / 16) or nil
    headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    if args[5] then headers[args[5]] = args[6] end
    if mode == "once" then
        source, repeats = file .. "." .. number, 0
        lines = io.lines(source)
        request = next_of_file
    elseif mode == "cycle" then
        for line in io.lines(file) do requests[#requests + 1] = body and line or format(line) end
        position = math.floor(#requests / 2) * number
        request = body and next_with_body or next_of_cycle
        if body then prepare_body() end
    else
        local targets = {}
        for line in io.lines(file) do targets[#targets + 1] = line end
        wrk.method, wrk.path, wrk.body, wrk.headers = method, targets[number % #targets + 1], body, headers
    end
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
        e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99), latency.mean))
end
