# Starts a program that is there already: see `boot.sh`, whose rules for a text hold here too. The name of the program comes
# in place of that of the shell.
case "$0" in
*/*) program=$0;;
*) program=$(command -v "$0");;
esac;
if test -f "$program" && test -x "$program"; then echo "punix-boot ready"; exec "$program" serve; fi;
if test -e "$program"; then echo "punix-boot fails named $0 may not be run"; else echo "punix-boot fails named $0 is not there"; fi;
exit 1
