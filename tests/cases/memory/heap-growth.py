# The heap and large blocks: growth, return to the system, what /proc tells of it.
import gc, re
def size(name):
    return int(re.search(rf'^{name}:\s+(\d+) kB', open('/proc/self/status').read(), re.M).group(1))
before = size('VmRSS')
block = bytearray(64 << 20)
for i in range(0, len(block), 4096):
    block[i] = 1
grown = size('VmRSS') - before
print(60_000 < grown < 80_000)
del block
gc.collect()
print(size('VmRSS') - before < 10_000, size('VmPeak') >= size('VmSize'))
small = [bytes(100) for _ in range(200_000)]
print(size('VmData') > 20_000, sum(len(item) for item in small))
del small
fields = open('/proc/self/statm').read().split()
print(len(fields), int(fields[0]) * 4 == size('VmSize') or 'changed')
