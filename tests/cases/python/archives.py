# zipfile, tarfile, gzip, lzma round trips.
import gzip, io, lzma, os, tarfile, zipfile
os.makedirs("d/e"); open("d/a", "w").write("text" * 1000); open("d/e/b", "wb").write(os.urandom(10000))
with zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED) as z: z.write("d/a"); z.write("d/e/b")
print(zipfile.ZipFile("z.zip").testzip(), zipfile.ZipFile("z.zip").namelist())
with tarfile.open("t.tar.xz", "w:xz") as t: t.add("d")
with tarfile.open("t.tar.xz") as t: t.extractall("x", filter="data" if hasattr(tarfile, "data_filter") else None) if hasattr(tarfile, "data_filter") else t.extractall("x")
print(open("x/d/a").read() == open("d/a").read(), open("x/d/e/b", "rb").read() == open("d/e/b", "rb").read(), gzip.decompress(gzip.compress(b"g")), lzma.decompress(lzma.compress(b"l" * 10000))[:3])
