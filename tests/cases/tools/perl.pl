# perl: files, processes, regular expressions, sockets.
# with: perl
use strict; use warnings; use Socket; use POSIX ":sys_wait_h"; use Fcntl ":flock";
$| = 1;
open(my $f, '>', 'file') or die; print $f "line $_\n" for 1 .. 5; close $f;
open($f, '<', 'file') or die; my @lines = <$f>; close $f; print scalar(@lines), " lines\n";
print "size ", -s 'file', " dir ", (-d '.' ? 1 : 0), "\n";
my $pid = fork(); if (!$pid) { exit 7 } waitpid($pid, 0); print "status ", $? >> 8, "\n";
my $out = `echo backticks`; print $out; system("exit 3"); print $? >> 8, "\n";
pipe(my $r, my $w); if (!fork()) { close $r; print $w "from child\n"; exit } close $w; print <$r>; wait;
local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select(undef, undef, undef, 5); }; print $@;
local $SIG{USR1} = sub { print "usr1\n" }; kill 'USR1', $$;
socketpair(my $one, my $two, AF_UNIX, SOCK_STREAM, PF_UNSPEC); syswrite $one, "hi"; sysread $two, my $buf, 10; print "$buf\n";
open($f, '+<', 'file'); flock($f, LOCK_EX) or die; seek($f, 5, 0); read($f, $buf, 1); print "$buf\n"; close $f;
opendir(my $d, '.'); print join(' ', sort grep { !/^\./ } readdir $d), "\n";
mkdir 'd' or die; rename 'file', 'd/moved' or die; print -e 'd/moved' ? "moved\n" : "no\n"; unlink 'd/moved'; rmdir 'd';
print "errno ", $!{ENOENT} ? 1 : 0, "\n" if !open($f, '<', 'missing');
my %h; $h{$_ % 100} += $_ for 1 .. 100000; print scalar(keys %h), " $h{7}\n";
(my $t = "a1b22") =~ s/(\d+)/<$1>/g; print "$t\n"; print join(',', sort { $b <=> $a } 3, 10, 2), "\n";
exec 'sh', '-c', 'echo exec; exit 4';
