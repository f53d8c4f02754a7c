"""The invented people of the demo campus: names, addresses and background, from lists kept here.

Nobody here exists; the domain example.edu is held by IANA for examples. What the people do is elsewhere.
"""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd

from oulad_platform.sources import tables as raw

EMAIL_DOMAIN = "example.edu"
FIRST_NAMES = {
    "F": (
        *("Aisha", "Amelia", "Anwen", "Beatriz", "Chloé", "Dilys", "Efua", "Eilidh", "Fatima", "Freya", "Grace", "Hana"),
        *("Imogen", "Ingrid", "Isla", "Jasmine", "Kavita", "Leila", "Lucía", "Maeve", "Maya", "Mei", "Nia", "Olivia"),
        *("Priya", "Rhiannon", "Roisin", "Ruth", "Saoirse", "Sofia", "Tamsin", "Yasmin", "Zoë", "Zuzanna"),
    ),
    "M": (
        *("Adeel", "Aidan", "Alasdair", "André", "Arjun", "Callum", "Daniel", "Dylan", "Emeka", "Farid", "Gareth", "George"),
        *("Hamza", "Harry", "Hugo", "Ibrahim", "Iestyn", "Jack", "Jamal", "Jürgen", "Kenji", "Kwame", "Leon", "Liam"),
        *("Mateusz", "Mihai", "Noah", "Owen", "Rafael", "Rory", "Samuel", "Tomás", "Wei", "Yusuf"),
    ),
}
LAST_NAMES = (
    *("Adeyemi", "Ahmed", "Ashworth", "Baptiste", "Begum", "Bennett", "Boateng", "Campbell", "Chaudhry", "Chen", "Clarke"),
    *("Costa", "Davies", "Dlamini", "Evans", "Ferguson", "Fernández", "Fletcher", "Gallagher", "Green", "Hassan", "Hughes"),
    *("Ivanova", "Jackson", "Jones", "Kaur", "Kelly", "Khan", "Kowalski", "Lewis", "MacLeod", "Martin", "Mensah", "Morgan"),
    *("Müller", "Murphy", "Nguyen", "O'Brien", "Okafor", "Owen", "Patel", "Pereira", "Popescu", "Price", "Rahman", "Reid"),
    *("Roberts", "Rossi", "Sato", "Sharma", "Silva", "Singh", "Smith", "Smith-Jones", "Stewart", "Taylor", "Thomas"),
    *("Turner", "Walker", "Watson", "Williams", "Wilson", "Wong", "Wright", "Yildiz", "Young", "Zhang"),
)
EDUCATION_SHARES = (0.02, 0.40, 0.43, 0.14, 0.01)
AGE_SHARES = {"0-35": 0.70, "35-55": 0.29, "55<=": 0.01}
FEMALE_SHARE, DISABILITY_SHARE, BLANK_IMD_SHARE = 0.48, 0.10, 0.035


def invent_people(n_people: int, seed: int) -> pd.DataFrame:
    """One row per person: id_student, student_name, email, background as in `student_info`, diligence and ability.

    `diligence` and `ability` are hidden traits with mean 0 and deviation about 1; education on entry and the home area
    move them a little. A blank `imd_band` hides the band; it does not remove its effect.
    """
    rng = np.random.default_rng([seed, 1])
    gender = np.where(rng.random(n_people) < FEMALE_SHARE, "F", "M")
    first = np.where(gender == "F", rng.choice(FIRST_NAMES["F"], n_people), rng.choice(FIRST_NAMES["M"], n_people))
    last = rng.choice(LAST_NAMES, n_people)
    education = rng.choice(len(raw.EDUCATION), n_people, p=EDUCATION_SHARES)
    band = rng.integers(0, len(raw.IMD_BANDS), n_people)
    id_student = 100_000 + rng.choice(2_600_000, n_people, replace=False)
    return pd.DataFrame(
        {
            "id_student": id_student.astype("int32"),
            "student_name": [f"{given} {family}" for given, family in zip(first, last, strict=True)],
            "email": [
                f"{_ascii(given)}.{_ascii(family)}.{number}@{EMAIL_DOMAIN}"
                for given, family, number in zip(first, last, id_student, strict=True)
            ],
            "gender": gender,
            "region": rng.choice(raw.REGIONS, n_people),
            "highest_education": np.array(raw.EDUCATION)[education],
            "imd_band": pd.Series(np.array(raw.IMD_BANDS)[band], dtype="str").mask(rng.random(n_people) < BLANK_IMD_SHARE),
            "age_band": rng.choice(list(AGE_SHARES), n_people, p=list(AGE_SHARES.values())),
            "disability": np.where(rng.random(n_people) < DISABILITY_SHARE, "Y", "N"),
            "diligence": 0.92 * rng.standard_normal(n_people) + 0.25 * (education - 1.7) + 0.07 * (band - 4.5),
            "ability": 0.92 * rng.standard_normal(n_people) + 0.40 * (education - 1.7) + 0.06 * (band - 4.5),
        }
    )


def _ascii(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in letters if letter.isalpha())
