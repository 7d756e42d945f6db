"""The invented catalogue: what is taught, by whom, sold where, for how much; and which course somebody chooses."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cair.simulation.figures import read_figures
from cair.simulation.files import Rows
from cair.simulation.scenario import Scenario, dice, start_of_day

_CATALOGUE = 1_000_001
"""Purpose of these dice: no block has this number."""
_OPEN_FROM, _NEW_PRICE_FROM, _CLOSED_FROM = 18_353, 18_414, 18_444
"""2020-04-01, 2020-06-01 and 2020-07-01 as day numbers."""
_SENT = start_of_day(18_357)
_SUBJECTS = (
    "Bahasa Inggris untuk Wawancara",
    "Bahasa Inggris Dasar",
    "Persiapan Tes Bahasa Inggris",
    "Bahasa Jepang Dasar",
    "Lembar Kerja Digital",
    "Laporan Keuangan Usaha Kecil",
    "Pembukuan Sederhana",
    "Pemasaran lewat Media Sosial",
    "Fotografi Produk",
    "Video dengan Telepon Genggam",
    "Desain Grafis",
    "Menulis Naskah Iklan",
    "Membuat Situs Toko",
    "Pemrograman Dasar",
    "Analisis Angka Penjualan",
    "Barista Pemula",
    "Kue Kering Rumahan",
    "Masakan Beku",
    "Jahit Pakaian",
    "Tata Rias",
    "Potong Rambut",
    "Servis Sepeda Motor",
    "Servis Pendingin Udara",
    "Instalasi Listrik Rumah",
    "Budidaya Ikan Air Tawar",
    "Hidroponik Pekarangan",
    "Administrasi Kantor",
    "Layanan Pelanggan",
    "Surat Lamaran Kerja",
    "Mengelola Gudang",
)
_LEVELS = (
    "Langkah Pertama",
    "Tingkat Dasar",
    "Tingkat Lanjut",
    "untuk Usaha Kecil",
    "untuk Pencari Kerja",
    "dari Nol",
    "Kelas Praktik",
)
_MODES = ("self_paced", "webinar")


@dataclass(frozen=True)
class Catalogue:
    """One entry a course. Partners are numbers; `sold` says which platform (column) may sell it.

    `price` holds until the end of May, `new_price` from 1 June on; closed courses end with June.
    """

    code: pa.Array
    title: pa.Array
    provider: np.ndarray
    sold: np.ndarray
    price: np.ndarray
    new_price: np.ndarray
    hours: np.ndarray
    self_paced: np.ndarray
    closed: np.ndarray
    demand: np.ndarray
    instead: np.ndarray

    def price_on(self, course: np.ndarray, day: np.ndarray) -> np.ndarray:
        """The list price of courses on Jakarta days."""
        return np.where(day >= _NEW_PRICE_FROM, self.new_price[course], self.price[course])

    def choose(self, generator: np.random.Generator, day: np.ndarray) -> np.ndarray:
        """Courses that people choose on Jakarta days: by demand, and open on that day."""
        course = np.searchsorted(self.demand, generator.random(len(day)), side="right")
        return np.where(self.closed[course] & (day >= _CLOSED_FROM), self.instead[course], course)

    def seller(self, generator: np.random.Generator, course: np.ndarray, *, listed: np.ndarray) -> np.ndarray:
        """The platform (a partner's number) that sells each course; where `listed` is false, one that may not."""
        figures = read_figures()
        odds = figures.shares("platforms") / self.sold.mean(axis=0) * (self.sold[course] == listed[:, None])
        total = odds.cumsum(axis=1)
        throw = generator.random(len(course)) * total[:, -1]
        return figures.groups["platforms"].start + (throw[:, None] >= total[:, :-1]).sum(axis=1)


def make_catalogue(scenario: Scenario) -> Catalogue:
    """Make the catalogue up; it is the same for any number of people."""
    figures, generator = read_figures(), dice(scenario, _CATALOGUE)
    count = figures("catalogue", "courses")
    numbers = np.arange(count)
    provider = figures.groups["providers"].start + generator.choice(
        len(figures.groups["providers"]), count, p=figures.shares("providers")
    )
    first_of_each = list(figures.groups["providers"])
    provider[: 2 * len(first_of_each)] = first_of_each * 2
    price = _prices(generator, count)
    closed = (generator.random(count) < figures("catalogue", "closed_on_30_june")) & (numbers >= 2 * len(first_of_each))
    repriced = (generator.random(count) < figures("catalogue", "repriced_on_1_june")) & ~closed
    demand = _demand(generator, provider, price)
    return Catalogue(
        code=pa.array(
            [
                f"k{number:04d}{code:09d}"
                for number, code in zip(numbers, generator.integers(0, 10**9, count), strict=True)
            ]
        ),
        title=pa.array([_title(number) for number in numbers]),
        provider=provider,
        sold=_sold(generator, count),
        price=price,
        new_price=np.where(repriced, np.maximum(price * 8 // 10_000 * 1_000, 24_000), price),
        hours=generator.choice(figures("catalogue", "hours"), count, p=figures("catalogue", "hours_shares")),
        self_paced=generator.random(count) < 0.8,
        closed=closed,
        demand=demand.cumsum() / demand.sum(),
        instead=_next_open(provider, closed),
    )


def _title(number: int) -> str:
    round_, rest = divmod(number, len(_SUBJECTS) * len(_LEVELS))
    subject, level = _SUBJECTS[rest % len(_SUBJECTS)], _LEVELS[rest // len(_SUBJECTS)]
    return f"{subject}, {level}" if round_ == 0 else f'{subject}: {level} (Angkatan "{round_ + 1}")'


def _prices(generator: np.random.Generator, count: int) -> np.ndarray:
    bounds = np.array(read_figures()("catalogue", "price_bounds"))
    bin_ = generator.choice(len(bounds) - 1, count, p=read_figures()("catalogue", "price_shares"))
    price = bounds[bin_] + generator.random(count) * (bounds[bin_ + 1] - bounds[bin_])
    rounded = np.maximum((price // 5_000).astype(np.int64) * 5_000, bounds[0])
    return np.where(bin_ == len(bounds) - 2, bounds[-1], rounded)


def _demand(generator: np.random.Generator, provider: np.ndarray, price: np.ndarray) -> np.ndarray:
    figures = read_figures()
    demand = generator.pareto(1.6, len(price)).clip(0, 40) + 0.3
    demand *= np.where(price == price.max(), figures("catalogue", "dearest_demand"), 1)
    place = provider - figures.groups["providers"].start
    of_provider = np.bincount(place, weights=demand)
    return demand * (figures.shares("providers") / of_provider)[place]


def _sold(generator: np.random.Generator, count: int) -> np.ndarray:
    shares = read_figures().shares("platforms")
    sold = generator.random((count, len(shares))) < np.minimum(shares * 1.4 + 0.05, 0.75)
    only = generator.choice(len(shares), count, p=shares)
    sold[np.arange(count), only] = True
    sold[sold.all(axis=1), -1] = False
    return sold


def _next_open(provider: np.ndarray, closed: np.ndarray) -> np.ndarray:
    instead = np.arange(len(provider))
    for course in np.flatnonzero(closed):
        instead[course] = np.flatnonzero((provider == provider[course]) & ~closed)[0]
    return instead


def course_rows(catalogue: Catalogue) -> Rows:
    """The catalogue as the office sends it; a new price is a new row from its day on."""
    figures = read_figures()
    count = len(catalogue.provider)
    repriced = np.flatnonzero(catalogue.new_price != catalogue.price)
    which = np.concatenate([np.arange(count), repriced])
    new = np.arange(len(which)) >= count
    names = np.array([partner.name for partner in figures.partners])
    platforms = names[figures.groups["platforms"].start : figures.groups["platforms"].stop]
    until = np.where(catalogue.closed[which], _CLOSED_FROM - 1, 0).astype(np.int32)
    return Rows(
        "courses",
        np.full(len(which), figures.groups["office_partner"].start),
        np.where(new, start_of_day(_NEW_PRICE_FROM - 5), _SENT),
        {
            "course_code": catalogue.code.take(pa.array(which)),
            "title": catalogue.title.take(pa.array(which)),
            "provider": pa.array(names[catalogue.provider[which]]),
            "platforms": pa.array([";".join(platforms[sold]) for sold in catalogue.sold[which]]),
            "price_idr": pa.array(np.where(new, catalogue.new_price[which], catalogue.price[which])),
            "hours": pa.array([f"{hours:g}" for hours in catalogue.hours[which]]),
            "mode": pa.array(_MODES).take(pa.array(1 - catalogue.self_paced[which].astype(np.int8))),
            "approved_from": pa.array(np.where(new, _NEW_PRICE_FROM, _OPEN_FROM).astype(np.int32)).cast(pa.date32()),
            "approved_until": pa.array(until, mask=until == 0).cast(pa.date32()),
        },
    )
