# The virtual machine starts and names itself.
# needs: java
# timeout: 60
# stderr: ignore
java -version 2>&1 | head -1
java -Xmx64m -Xint -version >/dev/null 2>&1; echo $?
java -Xmx1 -version >/dev/null 2>&1; echo $?
