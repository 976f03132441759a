"""URLs of stores on servers: the forms that are understood, and one clear line for what is wrong with one."""

from __future__ import annotations

import datetime
import sys
import tempfile
from contextlib import closing
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy.exc import DBAPIError

from eventcore.errors import StoreError
from eventcore.record.store import opened
from tests.eventcore.record.places import KINDS, REMOTE
from tests.servers.served import server, shared
from tests.servers.software import USER
from tests.servers.test_servers import connected, said


@pytest.fixture(params=REMOTE)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, tmp_path: Path) -> str:
    return KINDS[kind](tmp_path)


def asked(location: str, query: str) -> object:
    """What the server answers through a store that is opened there."""
    with closing(opened(location)) as store:
        return store.connection.exec_driver_sql(query).scalar_one()


def refused(location: str) -> str:
    """How the store is refused, in one line."""
    with pytest.raises(StoreError) as error:
        opened(location)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("postgresql", "postgres"),
        ("postgresql", "postgresql+psycopg"),
        ("postgresql", "postgresql+psycopg2"),
        ("mariadb", "mysql"),
        ("mariadb", "mysql+mysqldb"),
        ("mariadb", "mysql+pymysql"),
        ("mariadb", "mariadb+mariadbconnector"),
    ],
)
def test_other_schemes_and_drivers_mean_the_same_store(kind: str, scheme: str, tmp_path: Path) -> None:
    found = KINDS[kind](tmp_path)
    opened(found).close()
    opened(f"{scheme}://{found.partition('://')[2]}", create=False).close()


def test_postgresql_is_reached_by_a_service_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = urlsplit(KINDS["postgresql"](tmp_path))
    options = parts.query.removeprefix("options=").replace("%3D", "=")
    services = tmp_path / "services"
    services.write_text(
        f"[mine]\nhost={parts.hostname}\nport={parts.port}\nuser={parts.username}\ndbname={parts.path[1:]}\n"
        f"options={options}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    opened("postgresql:///?service=mine").close()
    opened(parts.geturl(), create=False).close()
    assert "correct its name, or add it to" in refused("postgresql:///?service=yours")


@pytest.mark.parametrize("form", ["@{quoted}:{port}/{rest}", "@/{rest}&host={folder}&port={port}"])
def test_postgresql_is_reached_by_a_socket(form: str, tmp_path: Path) -> None:
    parts, found = urlsplit(KINDS["postgresql"](tmp_path)), shared("postgresql")
    rest = f"{parts.path[1:]}?{parts.query}"
    location = f"postgresql://{USER}" + form.format(
        quoted=found.folder.replace("/", "%2F"), folder=found.folder, port=found.port, rest=rest
    )
    assert asked(location, "SELECT inet_client_addr() IS NULL") is True


def test_mariadb_is_reached_by_a_socket(tmp_path: Path) -> None:
    parts, found = urlsplit(KINDS["mariadb"](tmp_path)), shared("mariadb")
    with closing(connected(parts.geturl())) as connection:
        said(connection, "CREATE USER IF NOT EXISTS near@localhost", "GRANT ALL ON *.* TO near@localhost", "SELECT 1")
    location = f"mariadb://near@{parts.path}?unix_socket={found.folder}/data/socket"
    assert asked(location, "SELECT user()") == "near@localhost"


def test_passwords_of_mariadb_are_utf_8(tmp_path: Path) -> None:
    parts = urlsplit(KINDS["mariadb"](tmp_path))
    name, password = "a" + parts.path[1:], "zażółć"
    with closing(connected(parts.geturl(), charset="utf8mb4")) as connection:
        said(connection, f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{password}'",
             f"GRANT ALL ON *.* TO {name}@'127.0.0.1'", "SELECT 1")  # fmt: skip
    location = f"mariadb://{name}:{password}@127.0.0.1:{parts.port}{parts.path}?charset=latin1"
    assert asked(location, "SELECT '\N{ROCKET}'") == "\N{ROCKET}"


def test_mariadb_is_spoken_to_with_tls_where_the_url_says_so(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        _check_tls(Path(made))
    assert "SSL is required" in refused(f"{KINDS['mariadb'](tmp_path)}?ssl=true")


def _check_tls(folder: Path) -> None:
    folder.chmod(0o755)  # the server is another user's
    (certificate, key), (other, _) = _certificate(folder, "server"), _certificate(folder, "other")
    with server("mariadb", f"--ssl-cert={certificate}", f"--ssl-key={key}") as found:
        place = f"mariadb://{USER}@127.0.0.1:{found.port}/mysql"
        cipher = "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'"
        assert asked(place, cipher) == ""
        assert asked(f"{place}?ssl=false", cipher) == ""
        for _ in range(2):
            assert asked(f"{place}?ssl=true", cipher) != ""
        assert asked(f"{place}?ssl_ca={certificate}", cipher) != ""
        assert "correct the options after '?'" in refused(f"{place}?ssl_ca={folder}/none")
        assert "certificate verify failed" in refused(f"{place}?ssl_ca={other}")


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for this machine that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
    made = made.add_extension(address, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    files = folder / f"{name}.crt", folder / f"{name}.key"
    files[0].write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@pytest.mark.parametrize(("kind", "extra"), [("postgresql", "postgres"), ("mariadb", "mariadb")])
def test_a_missing_driver_is_named_with_the_extra_that_brings_it(
    kind: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("psycopg", "pymysql"):
        monkeypatch.setitem(sys.modules, module, None)
    for scheme in (kind, "postgresql+psycopg2" if kind == "postgresql" else "mysql+mysqldb"):
        location = f"{scheme}://{USER}:secret@127.0.0.1/runs"
        assert f"install it with: pip install 'sequent-flow[{extra}]'" in refused(location)
        assert "secret" not in refused(location)


def test_a_wrong_place_is_refused_in_one_line(url: str, kind: str) -> None:
    parts = urlsplit(url)
    place = f"{kind}://{USER}:secret@127.0.0.1:{parts.port}{parts.path}"
    for wrong, remedy in (
        (place.replace(str(parts.port), "1"), "check that the server runs"),
        (place.replace("127.0.0.1", "no.such.host.invalid"), "check that the server runs"),
        (
            place.replace(parts.path, "/missing").replace(":secret", ""),
            "create the database, or give the name of another one",
        ),
        (place.replace(f"{USER}:", "missing:"), "user"),
        (f"{place}?nonsense=1", "correct the options after '?' in its URL"),
        (f"{place}?connect_timeout=soon", "correct the options after '?' in its URL"),
        (place.replace(str(parts.port), "port"), "this is not a URL"),
        (place.replace("//", "/"), f"this is not a URL; write {kind}://"),
        (place.replace("secret", "secret%00"), "NUL"),
    ):
        assert remedy in refused(wrong)
        assert "secret" not in refused(wrong)


def test_a_value_that_libpq_does_not_know_is_an_option_to_correct(tmp_path: Path) -> None:
    assert "correct the options after '?' in its URL" in refused(f"{KINDS['postgresql'](tmp_path)}&sslmode=maybe")


def test_a_server_that_only_reads_is_told_as_such(url: str, kind: str) -> None:
    only_reads = {
        "postgresql": f"{url}%20-cdefault_transaction_read_only%3Don",
        "mariadb": f"{url}?init_command=SET%20SESSION%20tx_read_only%3D1",
    }[kind]
    assert "have the server take writes again" in refused(only_reads)


def test_a_full_disk_of_a_server_passes_and_is_told_as_such(url: str, kind: str) -> None:
    full = {
        "postgresql": "DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$",
        "mariadb": "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'",
    }[kind]
    with closing(opened(url)) as store:
        with pytest.raises(DBAPIError) as error:
            store.connection.exec_driver_sql(full)
        assert store.backend.is_outage(error.value.orig)
        assert "free space on the disk of the server" in str(store.backend.explained(error.value.orig))


def test_a_store_needs_a_place_that_is_there_and_that_its_user_may_use(tmp_path: Path) -> None:
    found = urlsplit(KINDS["postgresql"](tmp_path))
    schema = found.query.rpartition("%3D")[2]
    with closing(connected(found.geturl())) as connection:
        said(connection, f"CREATE ROLE guest_{schema} LOGIN", f"GRANT USAGE ON SCHEMA {schema} TO guest_{schema}",
             "SELECT 1")  # fmt: skip
    assert "create the schema, or correct" in refused(found.geturl().replace(schema, "missing"))
    guest = found.geturl().replace(f"{USER}@", f"guest_{schema}@")
    assert "permission denied for schema" in refused(guest)
    assert "give the user the rights to this database" in refused(guest)
    nowhere = KINDS["mariadb"](tmp_path).rpartition("/")[0]
    assert "names no database" in refused(nowhere)
