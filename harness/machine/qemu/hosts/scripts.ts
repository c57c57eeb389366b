/**
 * Scripts for the POSIX shell of a host over ssh (busybox's will do). Each is one argument of `sh -c`; what they are given
 * comes as positional parameters or on standard input, never as text of the script.
 */

/** crashpath's folder on a host, below the home directory. */
export const HOST_CACHE = '.cache/crashpath';

/** A file system in memory, on which templates keep theirs. */
const SHARED_MEMORY = '/dev/shm';

/** What is free now: lines of `name KIB`. */
export const FREE_SCRIPT = `while read -r key kib unit; do [ "$key" = MemAvailable: ] && echo "available $kib"; done </proc/meminfo
df -Pk ${SHARED_MEMORY} | { read -r line; read -r name size used free rest && echo "files $free"; }
`;

/** Seconds without a line of crashpath after which QEMU is ended. */
export const SILENT_SECONDS = 6;

const CACHE_FOLDERS = `umask 077
cd && mkdir -p ${HOST_CACHE}/runs ${HOST_CACHE}/files && chmod 700 ${HOST_CACHE} && cd ${HOST_CACHE} || exit 90
`;

/** What is asked of a host once. Lines of `name value`. */
export const FACTS_SCRIPT = `${CACHE_FOLDERS}
has() { command -v "$1" >/dev/null 2>&1; }
echo "home $PWD"
read -r boot </proc/sys/kernel/random/boot_id && echo "boot $boot"
echo "kernel $(uname -srm)"
count=0
while read -r key rest; do [ "$key" != processor ] || count=$((count+1)); done </proc/cpuinfo
echo "cpus $count"
while read -r key kib unit; do [ "$key" = MemAvailable: ] && echo "memory $kib"; done </proc/meminfo
df -Pk . 2>/dev/null | { read -r line; read -r name size used free rest && echo "disk $free"; }
for word in cat mkfifo mv rm sha256sum sleep tail touch gzip setpriv find; do has $word && echo "program $word"; done
echo "end facts"
`;

/**
 * Runs one QEMU. Its first parameter is the name of the run's directory, which it makes and, whatever happens, removes.
 * Reads lines: `a WORD` adds a word to QEMU's command line, `s` starts it, `t TID...` asks for the times of threads,
 * `m` opens a file without a name in ${SHARED_MEMORY} for a template's memory, which lasts as long as the supervisor and the
 * QEMUs that map it, `k` ends QEMU, `q` ends everything, any other line only says that crashpath lives. Prints `dir PATH`, `pid N`,
 * `exit STATUS`, `memory PATH`, `t TID RAN WAITED SLICES ...`, and `silent` or `gone` before it gives up; QEMU's stderr is its own.
 *
 * A second process looks each second whether a line has come. QEMU is ended when none came for ${SILENT_SECONDS} s, or when
 * the standard input ends, or the directory was removed: SIGTERM, after a second SIGKILL. A server makes the shell the
 * leader of a process group (sshd(8) and dropbear call setsid()), which is killed as a whole at the end; where it is not,
 * QEMU alone is.
 *
 * What a reset or a killed supervisor has left is removed. Other hosts and containers may share the home directory, and
 * their process numbers mean nothing here: a directory of another boot or PID namespace goes only when its supervisor has
 * not heard from crashpath for a day.
 */
export const SUPERVISOR_SCRIPT = `${CACHE_FOLDERS}
trap '' PIPE HUP INT QUIT
cd runs || exit 90
name=$1
read -r boot </proc/sys/kernel/random/boot_id
space=$(readlink /proc/self/ns/pid 2>/dev/null) || space=unknown
for old in *; do
  [ -s "$old/owner" ] || continue
  read -r its_pid its_boot its_space <"$old/owner"
  if [ "$its_boot $its_space" = "$boot $space" ]; then
    kill -0 "$its_pid" 2>/dev/null && continue
  else
    # Without find(1) it stays.
    command -v find >/dev/null 2>&1 || continue
    [ -z "$(find "./$old/owner" "./$old/beat" -mtime -1 2>/dev/null)" ] || continue
  fi
  rm -rf "./$old"
done
mkdir "./$name" && cd "./$name" || exit 91
echo "$$ $boot $space" >owner
read -r p c s pp group rest </proc/$$/stat
leads=
[ "$group" = "$$" ] && leads=yes
for pipe in console control qmp gdb qtest ssh; do mkfifo $pipe.in $pipe.out || exit 92; done
echo 0 >beat

end_qemu() {
  [ -s pid ] || return 0
  read -r qemu <pid
  kill -TERM "$qemu" 2>/dev/null
  i=0
  while kill -0 "$qemu" 2>/dev/null && [ $i -lt 10 ]; do
    sleep 0.1 2>/dev/null || { sleep 1; i=9; }
    i=$((i+1))
  done
  kill -KILL "$qemu" 2>/dev/null
  return 0
}
finish() {
  trap '' TERM
  end_qemu
  cd ..
  # The one that waits for QEMU may have written into it meanwhile.
  rm -rf "./$name" || { sleep 1; rm -rf "./$name"; }
  [ -z "$leads" ] || kill -KILL 0
  exit 0
}
start() {
  setpriv --pdeathsig KILL true 2>/dev/null && set -- setpriv --pdeathsig KILL -- "$@"
  {
    "$@" </dev/null >/dev/null &
    echo $! >pid
    echo "pid $!"
    wait $!
    status=$?
    : >pid
    echo "exit $status"
  } &
}
tell_times() {
  [ -n "$qemu" ] || { [ -s pid ] && read -r qemu <pid; }
  answer=t
  for tid; do
    if read -r ran waited slices <"/proc/$qemu/task/$tid/schedstat"; then
      answer="$answer $tid $ran $waited $slices"
    fi
  done 2>/dev/null
  echo "$answer"
}

open_memory() {
  file=${SHARED_MEMORY}/crashpath-$name
  # A name that is taken is refused.
  set -C
  if ( : >"$file" ) 2>/dev/null; then
    set +C
    exec 9<>"$file"
    rm -f "$file"
    echo "memory /proc/$$/fd/9"
  else
    echo "memory none"
  fi
}

{
  seen=
  why=silent
  left=${SILENT_SECONDS}
  while sleep 1; do
    [ -e beat ] || { why=gone; break; }
    read -r now <beat
    if [ "$now" = "$seen" ]; then left=$((left-1)); else left=${SILENT_SECONDS}; fi
    seen=$now
    [ $left -gt 0 ] || break
  done 2>/dev/null
  echo $why
  finish
} &
qemu=
echo "dir $PWD"
set --
count=0
while IFS= read -r line; do
  count=$((count+1))
  echo $count >beat
  case $line in
    a\\ *) set -- "$@" "\${line#a }" ;;
    s) start "$@" ;;
    t\\ *) tell_times \${line#t } ;;
    k) end_qemu ;;
    m) open_memory ;;
    q) break ;;
  esac
done
finish
`;

/**
 * Both directions of a chardev of QEMU, through its two FIFOs, which QEMU has open already: parameters are the run's
 * directory and the FIFOs' name. What the guest wrote comes on standard output, to its last byte after QEMU's end. No open
 * blocks, also when QEMU has just ended: each FIFO is first opened for both directions (fifo(7)). OpenSSH reports the end
 * of the output when standard error has ended as well (channels.c, chan_ibuf_empty(), 9.2): only the reader keeps it.
 */
export const PIPE_SCRIPT = `cd && cd "${HOST_CACHE}/runs/$1" || exit 90
exec 3<>"$2.out" 4<>"$2.in" || exit 91
exec 5<"$2.out" 6>"$2.in"
exec 3>&- 4>&-
cat <&5 6>&- &
exec >/dev/null 2>&1
cat >&6 5<&-
exec 6>&- 5<&-
wait
`;

/**
 * The same for QEMU's monitor, which QEMU may not have opened yet: the FIFOs stay open here, so that no end is seen. It
 * ends with its standard input.
 */
export const MONITOR_SCRIPT = `cd && cd "${HOST_CACHE}/runs/$1" || exit 90
exec 3<>"$2.out" 4<>"$2.in" || exit 91
cat <&3 4>&- &
reader=$!
exec >&-
cat >&4 3<&-
kill $reader
`;

/** A file of the run's directory; parameters: the directory, the file, and `gzip` or `plain`. */
export const READ_SCRIPT = `cd && cd "${HOST_CACHE}/runs/$1" || exit 90
if [ "$3" = gzip ]; then exec gzip -1 -c <"./$2"; else exec cat <"./$2"; fi
`;

/** The last bytes of a file of the run's directory; parameters: the directory, the file, how many. */
export const TAIL_SCRIPT = `cd && cd "${HOST_CACHE}/runs/$1" && exec tail -c "$3" "./$2"
`;

/** Removes a file of the run's directory; parameters: the directory, the file. */
export const REMOVE_SCRIPT = `cd && cd "${HOST_CACHE}/runs/$1" && exec rm -f "./$2"
`;

/** Whether a file with that content is there: parameter: its sha256. Old files are removed, and those of broken uploads. */
export const HAS_FILE_SCRIPT = `${CACHE_FOLDERS}cd files || exit 90
if command -v find >/dev/null 2>&1; then
  find . -type f -mtime +30 -exec rm -f {} + 2>/dev/null
  find . -type f -name 'part.*' -mtime +1 -exec rm -f {} + 2>/dev/null
fi
[ -f "./$1" ] || { echo no; exit 0; }
sum=$(sha256sum <"./$1") || exit 91
if [ "\${sum%% *}" = "$1" ]; then touch "./$1"; echo yes; else rm -f "./$1"; echo no; fi
`;

/** Stores standard input under its sha256 (the first parameter); the second is a name that nothing else has. */
export const PUT_FILE_SCRIPT = `${CACHE_FOLDERS}cd files || exit 90
part="part.$2"
cat >"$part" || { rm -f "$part"; exit 92; }
sum=$(sha256sum <"$part")
[ "\${sum%% *}" = "$1" ] || { rm -f "$part"; exit 93; }
# Into a directory, or a link to one, mv would move it.
[ ! -d "./$1" ] || rm -rf "./$1"
chmod 400 "$part" && mv -f "$part" "$1" && echo stored
`;

/**
 * Runs a program until it ends or standard input does, then it is killed. Parameters: `pipe` and what the program reads,
 * or `none` and an empty word; then the program and its arguments.
 */
export const PROGRAM_SCRIPT = `trap '' PIPE
how=$1
input=$2
shift 2
exec 3<&0
if [ "$how" = pipe ]; then printf '%s' "$input" | "$@" & else "$@" </dev/null & fi
program=$!
{ read -r never <&3; kill -KILL $program; } >/dev/null 2>&1 &
reader=$!
wait $program
status=$?
kill -KILL $reader 2>/dev/null
exit $status
`;

/** The absolute path of a program; parameter: its name or path. */
export const FIND_SCRIPT = `PATH=$PATH:/usr/local/bin:/usr/sbin:/sbin
found=$(command -v "$1") && [ -x "$found" ] && printf '%s\\n' "$found"
`;

/** Whether a device opens for reading and writing; parameter: its path. Prints a word. */
export const DEVICE_SCRIPT = `[ -e "$1" ] || { echo absent; exit 0; }
if ( : <>"$1" ) 2>/dev/null; then echo opens; elif [ -r "$1" ] && [ -w "$1" ]; then echo broken; else echo denied; fi
`;
