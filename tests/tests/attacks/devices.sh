set -e
mkdir -p /srv/copies /srv/names /mnt/stick
usermod -aG plugdev,dialout,input alice
lab plug camera
lab plug bluetooth
hciconfig hci0 up
lab plug microphone
lab plug infrared
lab plug nfc
lab plug gadget
lab plug usb-storage >/srv/names/stick
lab plug usb-storage-fat >/srv/names/mounted
lab plug usb-serial >/srv/names/serial
lab plug usb-camera >/srv/names/camera
lab plug usb-bluetooth >/srv/names/adapter
lab plug usb-other >/srv/names/other
udevadm wait --timeout=15 /dev/disk/by-label/LAB-USB /dev/disk/by-label/LAB-FAT /dev/lirc0 /dev/ttyACM1
realpath /dev/disk/by-label/LAB-USB >/srv/names/disk
mknod -m 666 /srv/copies/camera c 81 0
mknod -m 666 /srv/copies/disk b $(lsblk -dno MAJ:MIN /dev/disk/by-label/LAB-USB | tr : ' ')
# They have these open since before there was a policy, and hand them to whoever asks.
lab hold node --path /dev/video0 --name node
lab hold node --path /dev/snd/pcmC0D1c --name sound
lab hold node --path /dev/lirc0 --name infrared
lab hold bluetooth --name radio
lab hold nfc --name tag
chmod 666 /run/lab-held/*
# The same of a program of alice's own, which does what it is asked to.
systemd-run --quiet --unit=keeper --service-type=notify --uid=alice -p SupplementaryGroups='audio video plugdev dialout' \
  -p RuntimeDirectory=keeper -p NotifyAccess=all python3 /srv/attacks/keeper.py
# Somebody has a stick mounted where nobody else sees it.
mount /dev/disk/by-label/LAB-FAT /mnt/stick
echo kept >/mnt/stick/note
umount /mnt/stick
systemd-run --quiet --unit=mounted -p PrivateMounts=yes sh -c 'mount -r /dev/disk/by-label/LAB-FAT /mnt/stick && exec sleep infinity'
lab settle
