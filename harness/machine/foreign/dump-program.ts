/**
 * The program that reads a dump's pages through libkdumpfile (Debian: python3-libkdumpfile). Its first argument is the
 * dump. It writes one JSON object about it, then answers each line that it reads:
 *
 * - `{"read": [ADDRESS, LENGTH]}`: `{"data": BASE64}`, or `{"data": null}` for memory that the dump lacks
 * - `{"last": true}`: `{"whole": BOOLEAN}`, whether the last page that the dump says it has is there
 * - `{"find": TEXT}`: `{"found": [ADDRESS...]}`, in hexadecimal: the pages that begin with the text
 *
 * libkdumpfile 0.5.1 does not read makedumpfile's flattened format, in which QEMU writes kdump-compressed dumps: it is
 * rearranged into an unlinked temporary file (makedumpfile.h, struct makedumpfile_header and makedumpfile_data_header,
 * 1.7.2; `makedumpfile -R` waits ten minutes for the rest of a truncated file). The notes are handed over as they are: the library
 * does not show those of QEMU (target/i386/arch_dump.c, 7.2).
 *
 * A dump is hostile input: memory, time and file sizes are bounded.
 */
export const DUMP_PROGRAM = String.raw`
import base64, json, os, resource, struct, sys, tempfile

resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (1800, 1800))
resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 30, 64 << 30))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

PAGE = 4096
MOST_FOUND = 64
MOST_READ = 1 << 20
MOST_NOTES = 8 << 20
MOST_HEADERS = 1 << 20
path = sys.argv[1]

def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()

def refuse(error, why=""):
    say({"error": error, "why": why})
    sys.exit(0)

class Truncated(Exception):
    pass

def exactly(file, offset, length):
    file.seek(offset)
    data = file.read(length)
    if len(data) < length:
        raise Truncated()
    return data

def rearranged(source):
    """The file itself, or the plain form of a flattened one."""
    head = source.read(32)
    if head[:13] != b"makedumpfile\0":
        return source
    plain = tempfile.TemporaryFile()
    at = 4096
    while True:
        offset, size = struct.unpack(">qq", exactly(source, at, 16))
        at += 16
        if offset == -1:
            return plain
        if offset < 0 or size <= 0:
            refuse("not-read", "its flattened data is damaged")
        plain.seek(offset)
        left = size
        while left > 0:
            piece = exactly(source, at, min(left, MOST_READ))
            plain.write(piece)
            at += len(piece)
            left -= len(piece)

def elf_notes(file, size):
    head = exactly(file, 0, 64)
    if head[4] != 2 or head[5] != 1:
        refuse("other-machine", "an ELF file of another kind")
    machine, = struct.unpack_from("<H", head, 18)
    kind, = struct.unpack_from("<H", head, 16)
    if machine != 62:
        refuse("other-machine", "ELF machine %d" % machine)
    if kind != 4:
        refuse("no-dump", "an ELF file that is no core dump")
    table, sections = struct.unpack_from("<QQ", head, 32)
    entry, count = struct.unpack_from("<HH", head, 54)
    if count == 0xffff:
        count, = struct.unpack_from("<I", exactly(file, sections, 64), 44)
    notes = b""
    for index in range(min(count, MOST_HEADERS)):
        header = exactly(file, table + index * entry, 56)
        kind, = struct.unpack_from("<I", header, 0)
        offset, = struct.unpack_from("<Q", header, 8)
        filled, = struct.unpack_from("<Q", header, 32)
        if offset + filled > size:
            raise Truncated()
        if kind == 4 and len(notes) + filled <= MOST_NOTES:
            notes += exactly(file, offset, filled)
    return notes, b""

def kdump_notes(file):
    head = exactly(file, 0, 4096)
    machine = head[12 + 4 * 65:12 + 5 * 65].split(b"\0")[0].decode("latin1")
    if machine not in ("x86_64", ""):
        refuse("other-machine", machine)
    block, = struct.unpack_from("<i", head, 428)
    if block < PAGE or block > 1 << 20:
        refuse("not-read", "its header is damaged")
    info_at, info_bytes, notes_at, notes_bytes = struct.unpack_from("<QQQQ", exactly(file, block, 128), 32)
    notes = exactly(file, notes_at, notes_bytes) if 0 < notes_bytes <= MOST_NOTES else b""
    info = exactly(file, info_at, info_bytes) if 0 < info_bytes <= MOST_NOTES else b""
    return notes, info

try:
    import kdumpfile
except ImportError:
    refuse("no-library")

try:
    source = open(path, "rb")
    file = rearranged(source)
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    magic = file.read(8)
    if magic[:4] == b"\x7fELF":
        form = "ELF dump"
        notes, info = elf_notes(file, size)
    elif magic == b"KDUMP   ":
        form = "kdump-compressed dump"
        notes, info = kdump_notes(file)
    else:
        refuse("no-dump", "neither an ELF nor a kdump-compressed dump")
    file.flush()
    dump = kdumpfile.kdumpfile("/proc/self/fd/%d" % file.fileno())
except Truncated:
    refuse("truncated")
except SystemExit:
    raise
except Exception as error:
    refuse("not-read", str(error))

def most_pages():
    try:
        return min(dump.attr["max_pfn"], 1 << 30)
    except Exception:
        return 0

def read(address, length):
    try:
        return bytes(dump.read(kdumpfile.KDUMP_MACHPHYSADDR, address, length))
    except Exception:
        return None

def runs():
    """Pages that the dump has, as ranges."""
    bits = dump.attr["file.pagemap"]
    at = 0
    while at < most_pages():
        first = bits.find_set(at)
        if first >= most_pages():
            return
        # Where segments overlap, as those of memory and of the kernel's image, libkdumpfile 0.5.1 finds none.
        at = max(bits.find_clear(first), first + 1)
        yield first, min(at, most_pages())

def last_is_there():
    last = None
    for first, end in runs():
        last = end - 1
    return last is None or read(last * PAGE, PAGE) is not None

def find(wanted):
    found = []
    for first, end in runs():
        for page in range(first, end):
            if read(page * PAGE, len(wanted)) == wanted:
                found.append("%x" % (page * PAGE))
                if len(found) == MOST_FOUND:
                    return found
    return found

def encoded(data):
    return None if data is None else base64.b64encode(data).decode()

say({"format": form, "notes": encoded(notes), "vmcoreinfo": encoded(info)})
for line in sys.stdin:
    request = json.loads(line)
    try:
        if "read" in request:
            address, length = request["read"]
            say({"data": encoded(read(address, min(length, MOST_READ)))})
        elif "last" in request:
            say({"whole": last_is_there()})
        elif "find" in request:
            say({"found": find(request["find"].encode("latin1"))})
    except Exception as error:
        say({"error": "not-read", "why": str(error)})
`;
