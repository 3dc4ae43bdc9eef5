"""What makes a copy personal, and who must not get one any more: the roof's word to the sender."""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv import headers, issues, signing
