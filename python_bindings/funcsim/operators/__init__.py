"""The operators as Python sees them: typed functions, shapes without data, what autograd is told."""

from . import autograd as autograd  # these five register
from . import fakes as fakes
from . import network_fakes as network_fakes
from . import stability_fakes as stability_fakes
from . import unit_fakes as unit_fakes
