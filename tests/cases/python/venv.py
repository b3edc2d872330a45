# venv: makes an environment and runs its interpreter.
# timeout: 60
import subprocess, sys
print(subprocess.run([sys.executable, "-m", "venv", "--without-pip", "e"]).returncode)
code = "import sys; print(sys.prefix != sys.base_prefix, sys.version_info[:2])"
print(subprocess.run(["e/bin/python", "-c", code], capture_output=True).stdout)
