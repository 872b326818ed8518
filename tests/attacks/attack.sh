# What the attacks that are shell scripts share. An attack ends with one of the first two, and says what it saw;
# whatever else it ends with is a mistake of its own.

succeeded() {
    echo "succeeded: $*"
    exit 0
}

refused() {
    echo "refused: $*"
    exit 1
}

broken() {
    echo "broken: $*" >&2
    exit 3
}

# What `lab try` answers: the word that means success, or the kernel's error.
judge() {
    case "$1" in
    "$2") succeeded "$1" ;;
    E[A-Z]*) refused "$1" ;;
    *) broken "'$1' is no answer" ;;
    esac
}

# A command that has to work for the attempt to be one.
must() {
    "$@" || broken "$* ended with $?"
}

# A command that may be refused, and that ends the attempt then.
may() {
    said=$("$@" 2>&1) || refused "$1: $(echo "$said" | tail -n 1)"
}

# Waits for a command to succeed; not for ever (five seconds, or so many), which is then no success.
comes() {
    timeout "${2:-5}" sh -c "until $1; do udevadm settle; done" >/dev/null 2>&1
}

# The folder of a USB device, by what the lab calls it.
usb() {
    echo "/sys/bus/usb/devices/$(cat "/srv/names/$1")"
}
