# SPDX-License-Identifier: Apache-2.0
# Run by both package managers before the files go, when kmesh is removed and not upgraded: takes kmesh off this node.
if command -v systemctl >/dev/null; then
  systemctl --quiet disable kmesh.service || true
  if [ -d /run/systemd/system ]; then systemctl stop kmesh.service; fi
fi
record=/var/lib/kmesh/processes.json
if [ -f $record ] && ! grep -qF "$(readlink /proc/self/ns/pid)" $record; then
  echo "kmesh: an agent of a container is on record in $record; what it did stays" >&2
else
  code=0
  /usr/bin/kmesh cleanup --log-format=pretty --log-level=warn || code=$?
  case $code in
    0) ;;
    # The module, a mount or a running agent is in the way (docs/errors.md).
    13 | 14 | 18) echo 'kmesh: see above; it is not removed, so that this can be mended and tried again' >&2; exit $code ;;
    # No rights in this container, no Node any more, an installation that is damaged: to stay would mend nothing.
    *) echo "kmesh: cleanup did not run (exit $code)" >&2 ;;
  esac
fi
