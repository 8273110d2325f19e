#!/bin/bash
# First process of the image. Root does what root must, then everything runs as the user `recto`: an SSH server where a
# public key is given (RunPod), and the folders of mounted volumes. Started as another user, it does none of that.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then
  for folder in "${HF_HOME:-}" "$RECTO_HOME"; do
    case "$folder" in /*) install -d -o recto -g recto "$folder" ;; esac
  done
  if [ -n "${PUBLIC_KEY:-}" ]; then
    install -d -m 700 -o recto -g recto ~recto/.ssh
    install -m 600 -o recto -g recto <(printf '%s\n' "$PUBLIC_KEY") ~recto/.ssh/authorized_keys
    install -d /run/sshd
    ssh-keygen -A >/dev/null
    /usr/sbin/sshd -o PasswordAuthentication=no -o PermitRootLogin=no -o AllowUsers=recto
  fi
  export HOME=~recto USER=recto
  exec setpriv --reuid=recto --regid=recto --init-groups --inh-caps=-all "$@"
fi
exec "$@"
