"""The platform's settings; the only room that reads the environment. `load` gives them, or refuses all that cannot be used."""

from oulad_platform.settings.loading import OTHER_NAMES as OTHER_NAMES
from oulad_platform.settings.loading import load as load
from oulad_platform.settings.model import Settings as Settings
from oulad_platform.settings.places import CONFIG_FILE as CONFIG_FILE
from oulad_platform.settings.places import SettingsError as SettingsError
from oulad_platform.settings.places import absolute as absolute
from oulad_platform.settings.places import home as home
from oulad_platform.settings.places import instance_folder as instance_folder
