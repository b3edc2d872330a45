# The shell's own death by a signal is the command's status.
echo before
kill -TERM $$
echo after
