#!/bin/sh
# Notes its number and its child's in the file $1, and then, where $2 is slow, waits without end.
# Where $2 is leaves, it ends and leaves the child; where it is lost, the child has left the group by then.
cat >/dev/null
child='echo >"$0.begun"; exec sleep 600'
case $2 in
lost) setsid sh -c "$child" "$1" & ;;
*) sh -c "$child" "$1" & ;;
esac
until [ -e "$1.begun" ]; do sleep 0.01; done
rm "$1.begun"
echo $$ $! >"$1.part"
mv "$1.part" "$1"
printf '{"records":[]}'
[ "$2" != slow ] || wait
[ "$2" != prompt ] || kill $!
