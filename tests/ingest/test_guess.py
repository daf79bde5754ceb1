"""A first mapping says what it saw, never guesses what could be read in two ways, and loads."""

from __future__ import annotations

import gzip
import random
import tomllib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecograph.errors import EcographError, MappingError, SourceError
from ecograph.ingest.dialect import detect_dialect
from ecograph.ingest.encoding import detect_encoding
from ecograph.ingest.guess import Guess, guess_mapping
from ecograph.ingest.look_numbers import look_at_numbers
from ecograph.ingest.look_times import look_at_times
from ecograph.ingest.names import part_of
from ecograph.ingest.source import resolve
from ecograph.mapping import Amount, Mapping

HEADER = "seller_id,buyer_id,price,ordered_at\n"


def write(tmp_path: Path, text: str | bytes, name: str = "log.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def guess(tmp_path: Path, text: str | bytes, name: str = "log.csv") -> Guess:
    return guess_mapping(write(tmp_path, text, name))


def orders(prices: list[str], times: list[str] | None = None, sep: str = ",") -> str:
    times = times or ["2020-01-31 10:00:00"] * len(prices)
    rows = [f"s{i % 3}{sep}b{i}{sep}{p}{sep}{t}" for i, (p, t) in enumerate(zip(prices, times, strict=True))]
    return HEADER.replace(",", sep) + "\n".join(rows) + "\n"


def choose(text: str, wanted: str, instead_of: str | None = None) -> Mapping:
    """Edit a mapping as its comments say: take one ``# `` away, and the line out that it stands in place of."""
    lines = [line for line in text.splitlines() if instead_of is None or not line.startswith(instead_of)]
    found = [line for line in lines if line.startswith("# ") and wanted in line]
    assert len(found) == 1, text
    return Mapping.from_toml("\n".join(line[2:] if line == found[0] else line for line in lines))


# -- the dialect --------------------------------------------------------------------------------------------


def dialect_of(tmp_path: Path, text: str | bytes, name: str = "log.csv") -> tuple[object, ...]:
    found, _ = detect_dialect(resolve(write(tmp_path, text, name))[0])
    return found.delimiter, found.quote, found.encoding, found.header


@pytest.mark.parametrize("sep", [",", "\t", ";", "|"])
@pytest.mark.parametrize("name", ["log.csv", "log.tsv"])
def test_the_delimiter_is_found_whatever_the_name_says(tmp_path: Path, sep: str, name: str) -> None:
    usual = "\t" if name == "log.tsv" else ","
    found = dialect_of(tmp_path, orders(["1.5", "2.5", "3.5"], sep=sep), name)
    assert found == (None if sep == usual else sep, '"', None, True)


def test_a_decimal_comma_is_not_a_delimiter(tmp_path: Path) -> None:
    assert dialect_of(tmp_path, "1,5;2,5\n3,5;4,5\n7,5;1,5\n") == (";", '"', None, False)


def test_a_header_must_fit_its_rows(tmp_path: Path) -> None:
    assert dialect_of(tmp_path, "full name;long note\n" + "a b, c d;x y\n" * 300)[0] == ";"


def test_delimiters_inside_quotes_do_not_count(tmp_path: Path) -> None:
    assert dialect_of(tmp_path, 'a\tb\n"x, y"\t"1, 2"\n"z, w"\t"3, 4"\n') == ("\t", '"', None, True)


def test_stray_quotes_mean_that_there_are_none(tmp_path: Path) -> None:
    rows = [f'"x{i} 5" pipe\t{i}' if i % 3 else f"plain\t{i}" for i in range(30)]
    assert dialect_of(tmp_path, "name\tn\n" + "\n".join(rows) + "\n") == ("\t", None, None, True)


def test_single_quotes_are_found_and_apostrophes_are_not(tmp_path: Path) -> None:
    assert dialect_of(tmp_path, "a,b\n'x, y',1\n'z, w',2\n")[1] == "'"
    assert dialect_of(tmp_path, "a,b\nO'Neil,1\nD'Arcy,2\n")[1] == '"'


def test_a_header_is_told_from_a_first_row(tmp_path: Path) -> None:
    assert dialect_of(tmp_path, "seller,price\nann,3\n")[3] is True
    assert dialect_of(tmp_path, "ann,3\nbob,4\n")[3] is False
    assert dialect_of(tmp_path, "ann,bob\nbob,ann\nann,carl\n")[3] is False
    assert dialect_of(tmp_path, "source,target\nann,carl\nbob,dora\n")[3] is True


def test_without_a_header_the_columns_get_names_to_edit(tmp_path: Path) -> None:
    mapping = guess(tmp_path, "ann,x1,3.5\nbob,x1,4.25\nann,x2,5.0\n").mapping()
    assert mapping.dialect.header is False
    assert mapping.dialect.columns == ("column_1", "column_2", "column_3")


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "cp1252"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_file_in_any_of_these_encodings_reads_back(tmp_path: Path, encoding: str) -> None:
    text = "seller,buyer,price\n" + "".join(f"Café {i},b{i},1.5\n" for i in range(30))
    found = guess(tmp_path, text.encode(encoding))
    mapping = found.mapping()
    assert (mapping.dialect.encoding is None) == (encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"))
    seen = next(e for e in found.evidence if e.place == "seller")
    assert seen.samples == ("'Café 0'", "'Café 1'", "'Café 2'")


def test_a_few_bad_bytes_in_utf8_leave_it_utf8() -> None:
    text = ("é" * 50).encode() + b"\xff" + ("ü" * 50).encode()
    assert detect_encoding(text)[0] is None
    assert detect_encoding("é".encode()[:1] * 3 + b"abc")[0] == "cp1252"
    assert detect_encoding("aé".encode()[:-1])[0] is None, "a character cut at the end of the head is no fault"


def test_gzip_is_looked_into(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(orders(["1.5"] * 50, sep=";").encode()), "log.csv.gz")
    assert guess_mapping(path).mapping().dialect.delimiter == ";"


def test_an_unknown_ending_is_taken_for_delimited_text_and_said(tmp_path: Path) -> None:
    mapping = guess(tmp_path, orders(["1.5"] * 5, sep="|"), "log.txt").mapping()
    assert (mapping.format, mapping.dialect.delimiter) == ("csv", "|")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing splits"):
        guess(tmp_path, "just\nsome\nwords\n")
    with pytest.raises(SourceError, match="PDF"):
        guess(tmp_path, "%PDF-1.4", "log.txt")
    with pytest.raises(SourceError, match="no file"):
        guess_mapping(tmp_path / "absent.csv")
    with pytest.raises(MappingError, match="no good rows"):
        guess(tmp_path, "a,b\n")
    with pytest.raises(MappingError, match="could hold ids"):
        guess(tmp_path, "x,y\n1.5,2.5\n2.5,3.5\n")


# -- amounts ------------------------------------------------------------------------------------------------

READINGS = {
    "plain": (["1", "20", "300"], Amount("x")),
    "decimal point": (["1.5", "20.25", "300.125"], Amount("x")),
    "decimal comma": (["1,5", "20,25", "300"], Amount("x", decimal=",")),
    "both, comma last": (["1.234,50", "20,25", "3.000,00"], Amount("x", decimal=",", thousands=".")),
    "both, point last": (["1,234.50", "20.25", "3,000"], Amount("x", decimal=".", thousands=",")),
    "three decimals under one": (["0.125", "0.250", "0.500"], Amount("x")),
    "spaces": (["1 234", "20 000", "3 000"], Amount("x", thousands=" ")),
    "currency before": (["$1.50", "$20.25", "-$3.00"], Amount("x", currency="$")),
    "currency after": (["1,50 €", "20,25 €", "3,10 €"], Amount("x", decimal=",", currency="€")),
}


@pytest.mark.parametrize("case", READINGS)
def test_a_column_of_amounts_reads_in_one_way(case: str) -> None:
    values, wanted = READINGS[case]
    look = look_at_numbers(pl.Series("x", values))
    assert look is not None
    assert look.choices == (wanted,)
    assert look.matched == look.values == len(values)


@pytest.mark.parametrize("values", [["20.000", "5.000", "7.500"], ["Rp20.000", "Rp 15.000", "Rp7.500"], ["1.234.567"],
                                    ["20.000", "5.000", "7.5"], ["20.000", "15", "7"]])  # fmt: skip
def test_twenty_point_thousand_is_never_guessed(tmp_path: Path, values: list[str]) -> None:
    found = guess(tmp_path, orders(values * 10))
    assert len(found.choices) == 1
    assert "20.000" in found.choices[0]
    assert "thousands" not in found.mapping().to_toml(), "as it stands nothing is said, so reading refuses it"
    thousands = choose(found.text, "# 20.000 is 20 000", "amount =").ties[0].amount
    twenty = choose(found.text, "# 20.000 is 20\n".strip("\n") if False else 'decimal = "."', "amount =").ties[0].amount
    assert (thousands.decimal, thousands.thousands) == (",", ".")
    assert (twenty.decimal, twenty.thousands) == (".", None)
    assert thousands.currency == ("Rp" if "Rp" in values[0] else None)


def test_twenty_comma_thousand_is_not_guessed_either() -> None:
    look = look_at_numbers(pl.Series("x", ["20,000", "5,000"]))
    assert look is not None
    assert {(a.decimal, a.thousands) for a in look.choices} == {(".", ","), (",", None)}


@pytest.mark.parametrize(
    "values", [["a12", "b13"], ["driver 1"], ["12/03"], ["ABC123"], ["", ""], ["x"] * 8 + ["1"] * 2]
)
def test_what_is_no_number_is_not_taken_for_one(values: list[str]) -> None:
    assert look_at_numbers(pl.Series("x", values)) is None


def test_nine_tenths_are_enough_and_counted(tmp_path: Path) -> None:
    found = guess(tmp_path, orders(["1.50"] * 38 + ["n/a", "?"]))
    seen = next(e for e in found.evidence if e.place == "price")
    assert "38 of 40 values are numbers" in seen.seen
    assert "38 of 40 values are numbers" in found.text


# -- times --------------------------------------------------------------------------------------------------

TIMES = {
    "2020-01-31": None,
    "2020-01-31 23:59:59": None,
    "2020-01-31T23:59:59.5+07:00": None,
    "31/01/2020": "%d/%m/%Y",
    "01/31/2020 23:59": "%m/%d/%Y %H:%M",
    "31.01.2020 23:59:59": "%d.%m.%Y %H:%M:%S",
    "2020/01/31": "%Y/%m/%d",
    "31/01/20": "%d/%m/%y",
    "31 Jan 2020": "%d %b %Y",
    "January 31, 2020": "%B %d, %Y",
    "01/31/2020 11:59 PM": "%m/%d/%Y %I:%M %p",
    "20200131": "%Y%m%d",
}


@pytest.mark.parametrize("value", TIMES)
def test_a_column_of_times_reads_in_one_way(value: str) -> None:
    look = look_at_times(pl.Series("when", [value, value]), named_so=False)
    assert look is not None
    assert [choice.format for choice in look.choices] == [TIMES[value]]
    assert look.offset == ("+07" in value)


def test_day_and_month_are_never_guessed(tmp_path: Path) -> None:
    found = guess(tmp_path, orders(["1.5"] * 20, ["01/02/2020 10:00", "11/12/2020 11:00"] * 10))
    assert len(found.choices) == 1
    assert "day from month" in found.choices[0]
    time = found.mapping().time
    assert time is not None
    assert time.format is None, "as it stands it reads ISO 8601 alone, so each of these rows is refused"
    for form in ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"):
        chosen = choose(found.text, f'format = "{form}"').time
        assert chosen is not None
        assert chosen.format == form


def test_one_day_above_twelve_settles_it(tmp_path: Path) -> None:
    found = guess(tmp_path, orders(["1.5"] * 20, ["01/02/2020"] * 19 + ["13/02/2020"]))
    assert found.choices == ()
    time = found.mapping().time
    assert time is not None
    assert time.format == "%d/%m/%Y"


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000), ("us", 10**6)])
def test_epochs_are_known_by_size_and_only_where_the_name_speaks_of_time(unit: str, factor: int) -> None:
    for cells in (["1600000000", "1700000000"], [1_600_000_000, 1_700_000_000]):
        values = pl.Series("created", [int(c) * factor for c in cells]).cast(
            pl.String if cells[0] == "1600000000" else pl.Int64
        )
        look = look_at_times(values, named_so=True)
        assert look is not None
        assert look.choices[0].epoch == unit
        assert look_at_times(values, named_so=False) is None


def test_times_without_a_month_come_commented_out_with_what_is_missing(tmp_path: Path) -> None:
    found = guess(tmp_path, orders(["1.5"] * 20, ["01 02:52:12", "31 15:58:57"] * 10))
    assert found.mapping().time is None
    assert "leave out the year and the month" in found.text
    text = found.text.replace("# [time]", "[time]").replace("# column =", "column =")
    text = text.replace("# format =", "format =").replace('# prefix = "2020-01-"', 'prefix = "2015-01-"')
    time = Mapping.from_toml(text).time
    assert time is not None
    assert (time.prefix, time.format) == ("2015-01-", "%Y-%m-%d %H:%M:%S")


def test_typed_columns_are_taken_at_their_word(tmp_path: Path) -> None:
    frame = pl.DataFrame({"seller": [1, 2], "buyer": [3, 4], "price": [1.5, 2.5]}).with_columns(
        ordered=pl.datetime(2020, 1, 31).dt.replace_time_zone("Asia/Jakarta")
    )
    frame.write_parquet(tmp_path / "log.parquet")
    mapping = guess_mapping(tmp_path / "log.parquet").mapping()
    assert mapping.time is not None
    assert (mapping.time.column, mapping.time.format) == ("ordered", None)
    assert mapping.ties[0].amount == Amount("price")


# -- who gives, who gets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "part", "role"),
    [("Driver_ID", "provider", "driver"), ("sellerId", "provider", "seller"), ("from", "provider", None),
     ("MERCHANT NAME", "provider", "merchant"), ("Consumer_ID", "receiver", "consumer"), ("to", "receiver", None),
     ("id_pembeli", "receiver", "pembeli"), ("campaign.id", "receiver", "campaign")],
)  # fmt: skip
def test_names_tell_provider_from_receiver(name: str, part: str, role: str | None) -> None:
    found = part_of(name)
    assert found is not None
    assert found[:2] == (part, role)


@pytest.mark.parametrize("name", ["seller_state", "price", "donation_target", "customer_since_year", "", "_", "total"])
def test_other_names_tell_nothing(name: str) -> None:
    assert part_of(name) is None


def test_one_wide_row_gives_a_tie_for_each_provider(tmp_path: Path) -> None:
    rows = "".join(f"{i % 7},{i % 5},{i},{i}.50\n" for i in range(40))
    mapping = guess(tmp_path, "Driver_ID,Restaurant_ID,Consumer_ID,Order_total\n" + rows).mapping()
    assert [(r.provider.column, r.provider.role, r.receiver.column, r.amount.column) for r in mapping.ties] == [
        ("Driver_ID", "driver", "Consumer_ID", None),
        ("Restaurant_ID", "restaurant", "Consumer_ID", "Order_total"),
    ]


def test_without_telling_names_a_few_give_to_many(tmp_path: Path) -> None:
    rows = "".join(f"x{i % 3},y{i % 15},z{i}\n" for i in range(60))
    rule = guess(tmp_path, "alpha,beta,row\n" + rows).mapping().ties[0]
    assert (rule.provider.column, rule.receiver.column) == ("alpha", "beta")


def test_an_end_that_no_column_holds_is_a_constant_to_be_named(tmp_path: Path) -> None:
    rule = guess(tmp_path, "advertiser,spend\nann,1.5\nbob,2.5\n").mapping().ties[0]
    assert (rule.provider.column, rule.receiver.constant) == ("advertiser", "conductor")


def test_a_lone_source_column_may_be_a_citation(tmp_path: Path) -> None:
    rows = "".join(f"v{i % 6},press {i % 4},{i}.5\n" for i in range(30))
    rule = guess(tmp_path, "vehicle,source,price\n" + rows).mapping().ties[0]
    assert rule.provider.role is None
    assert {rule.provider.column, rule.receiver.column} == {"vehicle", "source"}
    pair = guess(tmp_path, "target,source\n" + "".join(f"a{i % 9},b{i % 30}\n" for i in range(60))).mapping().ties[0]
    assert (pair.provider.column, pair.receiver.column) == ("source", "target")


def test_an_amount_that_is_mostly_blank_is_left_to_the_user(tmp_path: Path) -> None:
    rows = "".join(f"s{i % 3},b{i},{'1.5' if i < 5 else ''}\n" for i in range(40))
    assert guess(tmp_path, "seller,buyer,price\n" + rows).mapping().ties[0].amount == Amount()


# -- the text -----------------------------------------------------------------------------------------------

HOSTILE = '\x1b]0;owned\x07 \u202eabc\n[[ties]]\nprovider = "x"\r\x7f\u2028 \'"\\'


def test_cells_and_names_from_data_stay_comments_and_strings(tmp_path: Path) -> None:
    frame = pl.DataFrame({f"seller {HOSTILE}": [f"{HOSTILE}{i}" for i in range(3)], "buyer": ["a", "b", "c"]})
    frame.write_parquet(tmp_path / "a\x1b\n[x].parquet")
    found = guess_mapping(tmp_path / "a\x1b\n[x].parquet")
    assert all(c.isprintable() for line in found.text.split("\n") for c in line)
    assert len(tomllib.loads(found.text)["ties"]) == 1
    assert "buyer" in found.mapping().columns


def test_evidence_is_counted_from_the_sample(tmp_path: Path) -> None:
    found = guess(tmp_path, orders(["1.5"] * 40, ["2020-01-31 10:00:00"] * 37 + ["", "soon", "later"]))
    seen = {e.place: e for e in found.evidence if e.place != "dialect"}
    assert found.rows == 40
    assert "37 of 39 values read as ISO 8601" in seen["ordered_at"].seen
    assert "1 blank" in seen["ordered_at"].seen
    assert "3 different" in seen["seller_id"].seen
    assert seen["seller_id"].samples == ("'s0'", "'s1'", "'s2'")
    assert "# delimiter comma: 41 of the first 41 records have 4 fields" in found.text


def test_the_mapping_fits_the_columns_it_was_made_for(tmp_path: Path) -> None:
    path = write(tmp_path, orders(["1.5", "2.5"] * 20))
    mapping = guess_mapping(path).mapping()
    mapping.check(dict.fromkeys(pl.read_csv(path).columns, pl.String()))
    assert Mapping.from_toml(mapping.to_toml()) == mapping


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=8) | st.sampled_from(
    ["20.000", "1,5", "01/02/2020", "2020-01-31", "1600000000", "", "a", "Rp 5", '"', "s1", "s2"]
)


@given(st.data())
@settings(max_examples=40)
def test_whatever_is_in_a_table_the_guess_loads_or_says_why(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(["seller", "buyer", "price", "date", "x", "id", "to", HOSTILE]),
                               min_size=1, max_size=5, unique=True))  # fmt: skip
    rows = data.draw(st.lists(st.tuples(*[cells] * len(names)), min_size=1, max_size=12))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    try:
        found = guess_mapping(frame)
    except EcographError:
        return
    assert set(found.mapping().columns) <= set(names)
    assert all(c.isprintable() for line in found.text.split("\n") for c in line)


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_any_bytes_give_a_guess_or_an_answer(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = write(tmp_path_factory.mktemp("bytes"), content)
    said = ""
    try:
        guess_mapping(path).mapping()
    except EcographError as error:
        said = str(error)
    assert len(said) < 1000


def test_a_long_file_is_not_read_whole(tmp_path: Path) -> None:
    draw = random.Random(1)
    row = "".join(f"s{draw.randrange(9)},b{draw.randrange(99)},{draw.randrange(9999) / 100}\n" for _ in range(30_000))
    assert guess(tmp_path, "seller,buyer,price\n" + row).rows == 20_000
