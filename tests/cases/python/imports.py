# Imports of many modules: the reads and stats of a start.
import importlib
for name in "json csv re decimal datetime random hashlib hmac zlib bz2 lzma gzip zipfile tarfile xml.etree.ElementTree html email urllib.request logging argparse configparser difflib statistics fractions itertools functools collections heapq bisect struct pickle copy pprint textwrap string unicodedata uuid secrets ssl select curses readline dbm".split():
    try: importlib.import_module(name)
    except ImportError: print("missing", name)
import hashlib, json, uuid, zlib, datetime, random, decimal
print(hashlib.sha256(b"x").hexdigest()[:16], json.dumps({"a": [1, 2.5, None]}), zlib.crc32(b"x"), len(str(uuid.uuid4())), datetime.datetime.fromtimestamp(0, datetime.timezone.utc))
random.seed(1); print(random.random(), decimal.Decimal(2).sqrt())
