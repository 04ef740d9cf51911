"""Aid's answers and commands; a room is one file, named as in `schema/aid/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resolvers.aid.alerts import Alerts
from resolvers.aid.appeals import Appeals
from resolvers.aid.books import Books
from resolvers.aid.census import Censuses
from resolvers.aid.distribution import Distribution
from resolvers.aid.giving import Giving
from resolvers.aid.homes import Homes
from resolvers.aid.households import Households
from resolvers.aid.iati import Activities
from resolvers.aid.importing import Importing
from resolvers.aid.membership import Membership
from resolvers.aid.merging import Merging
from resolvers.aid.needs import Needs
from resolvers.aid.particulars import CaseParticulars
from resolvers.aid.questionnaires import Questionnaires
from resolvers.aid.queue import Queue
from resolvers.aid.ranking import Ranking
from resolvers.aid.refreshing import Refresher
from resolvers.aid.resources import Resources
from resolvers.aid.scale import Scales
from resolvers.aid.services import Services
from resolvers.aid.suggestions import Suggestions
from resolvers.aid.transparency import Transparency
from resolvers.aid.uploads import Uploads

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.room import Room


class Aid:
    """The rooms of aid, each by its name."""

    def __init__(self, hub: Hub) -> None:
        """Open every room."""
        self.books = Books(hub.database)
        self.resources = Resources(hub, self.books)
        self.giving = Giving(hub, self.books)
        self.distribution = Distribution(hub, self.giving)
        self.ranking = Ranking(hub.database, hub.ring)
        self.giving.touched.append(self.ranking.touched)
        self.homes = Homes(hub.database, hub.ring)
        self.particulars = CaseParticulars(hub, self.homes)
        self.households = Households(hub, self.homes, self.particulars)
        self.importing = Importing(hub, self.households, self.particulars)
        self.uploads = Uploads(hub, self.importing)
        self.merging = Merging(hub, self.homes, self.particulars, self.ranking)
        self.giving.touched.append(self.merging.booked)
        self.membership = Membership(hub, self.households, self.ranking)
        self.refresher = Refresher(hub, self.ranking)
        self.questionnaires = Questionnaires(hub)
        self.needs = Needs(hub, self.ranking, self.questionnaires)
        self.queue = Queue(hub, self.ranking, self.needs)
        self.suggestions = Suggestions(hub, self.ranking, self.queue)
        self.services = Services(hub, self.books)
        self.appeals = Appeals(hub)
        self.censuses = Censuses(hub)
        self.alerts = Alerts(hub, self.censuses)
        self.scales = Scales(hub, self.censuses)
        self.transparency = Transparency(hub)
        self.activities = Activities(hub, self.transparency.figures)
        self.rooms: tuple[Room, ...] = (
            self.resources,
            self.giving,
            self.distribution,
            self.membership,
            self.particulars,
            self.merging,
            self.importing,
            self.uploads,
            self.questionnaires,
            self.needs,
            self.queue,
            self.suggestions,
            self.services,
            self.appeals,
            self.censuses,
            self.alerts,
            self.scales,
            self.transparency,
        )
