# tmux: a server, a terminal in it, keys and its screen, a new size.
# needs: tmux
# timeout: 40
export TERM=xterm TMUX_TMPDIR=$PWD
screen() {
    for i in $(seq 100); do
        tmux capture-pane -p | grep -v '^$' >shown
        # All of it, up to the next prompt.
        grep -q -- "$1" shown && [ "$(tail -n 1 shown | tr -d ' ')" = '>' ] && break
        sleep 0.1
    done
    cat shown
}
tmux -f /dev/null new-session -d -x 60 -y 10 'bash --norc --noprofile'; echo $?
sleep 0.3; tmux send-keys "PS1='> '; clear" Enter; screen '^>' >/dev/null
tmux send-keys 'echo in the $((40 + 2))nd terminal' Enter; screen 42nd
tmux resize-window -x 70 -y 12; sleep 0.3; tmux send-keys 'clear; stty size' Enter; screen '12 70'
tmux send-keys 'exit' Enter; while tmux ls >/dev/null 2>&1; do sleep 0.1; done; tmux ls 2>/dev/null; echo $?
