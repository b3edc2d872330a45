# bc with large numbers, through a pipe.
# needs: bc
echo '2^200; scale=20; 1/3; sqrt(2)' | bc
echo 'define f(n) { if (n < 2) return n; return f(n-1) + f(n-2); } f(18)' | bc
