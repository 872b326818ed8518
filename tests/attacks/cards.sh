# What the attacks with cards share. Their policies disable nothing.

write_loose() {
    echo 'contact = "security@b-company.example"' >/srv/loose.toml
}

# Puts such a card in, and sees whether anything is loose then.
card() {
    write_loose
    must lab card insert /srv/loose.toml "$@"
    lab settle >/dev/null 2>&1
    judge "$(lab try stream /dev/video0)" works
}
