"""The law of docs/levels.md and what follows from it, as SQL over the gathered country."""

LAW = """
    -- A purpose serves work when it is the requester's own and neither open data nor a person's access to itself.
    CREATE VIEW works AS SELECT 1 FROM asker WHERE purpose IN (SELECT purpose FROM may) AND purpose NOT IN ('open_data', 'self_access');
    CREATE VIEW staff AS SELECT 1 FROM asker WHERE verified AND role IN ('caseworker', 'manager', 'analyst', 'developer');
    CREATE VIEW inspects AS SELECT 1 FROM asker
        WHERE verified AND role = 'inspector' AND kind = 'inspectorate' AND purpose = 'oversight' AND purpose IN (SELECT purpose FROM may);
    CREATE VIEW agreed AS SELECT DISTINCT a.source, a.coordinate FROM agreement AS a, asker AS r
        WHERE a.receiver = r.organisation AND a.purpose = r.purpose AND r.today <= a.until AND EXISTS (SELECT 1 FROM works);
    CREATE VIEW stewarded AS SELECT s.name AS source, r.role FROM source AS s, asker AS r
        WHERE s.steward = r.organisation AND r.verified AND EXISTS (SELECT 1 FROM works);

    -- Which conditions open a field of a source.
    CREATE VIEW release AS
        SELECT f.coordinate, s.name AS source, 'always' AS condition FROM field AS f, source AS s WHERE f.level = 'open'
        UNION SELECT f.coordinate, s.name, 'self' FROM field AS f, source AS s, asker AS r
            WHERE f.level <> 'open' AND r.role = 'person' AND r.purpose = 'self_access'
        UNION SELECT f.coordinate, a.source, 'own_case' FROM field AS f JOIN agreed AS a USING (coordinate)
            WHERE f.level = 'partner' AND EXISTS (SELECT 1 FROM staff)
        UNION SELECT f.coordinate, a.source, 'consented' FROM field AS f JOIN agreed AS a USING (coordinate)
            WHERE f.level IN ('partner', 'consented') AND f.bit <> 0 AND EXISTS (SELECT 1 FROM staff)
        UNION SELECT f.coordinate, s.source, 'own_case' FROM field AS f, stewarded AS s, asker AS r
            WHERE f.level <> 'open' AND s.role IN ('caseworker', 'manager')
            OR f.level IN ('partner', 'consented') AND s.role = 'developer'
            OR f.level = 'partner' AND s.role = 'analyst' AND r.purpose IN ('statistics', 'social_security')
        UNION SELECT f.coordinate, a.source, 'always' FROM field AS f JOIN agreed AS a USING (coordinate)
            WHERE f.level = 'partner' AND EXISTS (SELECT 1 FROM inspects);

    -- An own case is one in the case load, or of a household that has one there.
    CREATE VIEW own AS
        SELECT c.person FROM own_case AS c, asker AS r WHERE c.organisation = r.organisation
        UNION SELECT m.number FROM own_case AS c, asker AS r
            JOIN person AS p ON p.number = c.person JOIN person AS m ON m.household = p.household
            WHERE c.organisation = r.organisation;

    -- What people opened to this requester for this purpose; statistics never open a name, a telephone or a number of a paper.
    CREATE VIEW opened AS
        SELECT c.person, c.categories & CASE WHEN r.purpose IN ('statistics', 'open_data') THEN 1020 ELSE 2047 END AS categories
        FROM consent AS c, asker AS r
        WHERE c.purpose = r.purpose AND (c.receiver = r.organisation OR r.verified AND c.receiver = 'kind:' || r.kind);

    -- Of whom it may be known that they exist.
    CREATE VIEW known AS
        SELECT p.number AS person FROM person AS p, asker AS r WHERE r.role = 'person' AND r.purpose = 'self_access' AND r.itself = p.number
        UNION SELECT person FROM own WHERE EXISTS (SELECT 1 FROM staff) AND EXISTS (SELECT 1 FROM works)
        UNION SELECT person FROM opened WHERE categories <> 0 AND EXISTS (SELECT 1 FROM staff) AND EXISTS (SELECT 1 FROM works)
        UNION SELECT number FROM person WHERE EXISTS (SELECT 1 FROM inspects);
"""

PERMITTED = """
    CREATE TABLE released AS SELECT DISTINCT r.coordinate, f.entity, f.name, f.bit, r.source, r.condition
        FROM release AS r JOIN field AS f USING (coordinate)
        JOIN offer AS o ON o.source = r.source AND o.entity = f.entity AND o.name = f.name;
    CREATE TABLE mine AS SELECT DISTINCT person FROM own;
    CREATE TABLE open AS SELECT person, bit FROM opened JOIN (SELECT DISTINCT bit FROM field WHERE bit <> 0) ON categories & bit;
    CREATE TABLE permitted AS
        SELECT r.entity, r.name, r.source, p.number AS person FROM released AS r, person AS p WHERE r.condition = 'always'
        UNION SELECT r.entity, r.name, r.source, a.itself FROM released AS r, asker AS a WHERE r.condition = 'self'
        UNION SELECT r.entity, r.name, r.source, m.person FROM released AS r, mine AS m WHERE r.condition = 'own_case'
        UNION SELECT r.entity, r.name, r.source, o.person FROM released AS r JOIN open AS o USING (bit) WHERE r.condition = 'consented';
    CREATE INDEX permission ON permitted(entity, person, name);
    CREATE TABLE visible AS SELECT DISTINCT person FROM known;
    CREATE INDEX seen ON visible(person);
"""

FIRST = """
    SELECT p.name, p.source, min(s.place) FROM permitted AS p JOIN source AS s ON s.name = p.source
    WHERE p.entity = ? AND p.person = ? AND EXISTS (SELECT 1 FROM link AS l WHERE l.source = p.source AND l.person = p.person)
    GROUP BY p.name
"""
"""Of which source a person's value is: the first, by precedence, that knows the person and may be asked."""

HOUSEHOLD = """
    WITH page AS (SELECT value AS person, key AS at FROM json_each(:page)),
    home AS (
        SELECT p.household, min(page.at) AS at, max(page.person IN mine) AS own,
            max(page.person IN (SELECT itself FROM asker)) AS itself
        FROM page JOIN person AS p ON p.number = page.person WHERE p.household IS NOT NULL GROUP BY p.household
    ),
    first AS (SELECT home.*, page.person FROM home JOIN page USING (at)),
    opens AS (SELECT DISTINCT p.household, o.bit FROM page JOIN person AS p ON p.number = page.person JOIN open AS o ON o.person = p.number)
    SELECT f.household, f.person, r.name, r.source, s.place,
        max(
            r.condition = 'always'
            OR r.condition = 'own_case' AND f.own
            OR r.condition = 'self' AND f.person = (SELECT itself FROM asker)
            OR r.condition = 'consented' AND EXISTS (SELECT 1 FROM opens WHERE opens.household = f.household AND opens.bit = r.bit)
        ) AS allowed,
        EXISTS (SELECT 1 FROM link AS l WHERE l.source = r.source AND l.person = f.person) AS linked
    FROM first AS f, released AS r JOIN source AS s ON s.name = r.source
    WHERE r.entity = 'household' GROUP BY f.household, r.name, r.source ORDER BY f.household, r.name, s.place
"""
"""A household is asked about through its first member on the page, under what is open of any of them."""

ALLOCATIONS = """
    SELECT r.source, r.key, r.content FROM row AS r JOIN source AS s ON s.name = r.source
    JOIN link AS l ON l.source = r.source AND l.person = r.person
    JOIN permitted AS p ON p.entity = 'allocation' AND p.person = r.person AND p.name = 'key' AND p.source = r.source
    WHERE r.entity = 'allocation' AND r.person = ? GROUP BY r.source, r.key ORDER BY s.place, r.at
"""


RECEIVED = """
    SELECT kind, currency, sum(millionths) FILTER (WHERE NOT planned), sum(millionths) FILTER (WHERE planned),
        count(*) FILTER (WHERE NOT planned), max(day) FILTER (WHERE NOT planned)
    FROM given GROUP BY kind, currency ORDER BY coalesce(kind, ''), coalesce(currency, '')
"""
