"""Vital signs of this node for alerts: disks, memory, the certificate, the store and its replicas.

folders.py      free space of the folders that the server writes to
memory.py       memory in use, against the limit of the control group or of the machine
certificate.py  the end of a certificate's validity
replication.py  the store's answers and its replicas
sampler.py      looks at disks and the store in the background; a scrape reads the last look
"""

from chatserver.vitals.sampler import Vitals

__all__ = ["Vitals"]
