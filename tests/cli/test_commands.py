"""evaluate, predict, models, data; and what is said when something is wrong."""

import os
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ahead import ahead, pythons
from tests.cli.conftest import Ran, Shell, Trained
from tinygrad_mnist import __version__
from tinygrad_mnist.cli import main
from tinygrad_mnist.data import load_embedded, write_idx
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.serialize import load, save

EMBEDDED = ("--data", "embedded")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A command line in this process, which is faster: gives exit code, output and errors."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no-cache"))
    monkeypatch.delenv("TINYGRAD_MNIST_DATA", raising=False)

    def run(*args: str) -> tuple[int, str, str]:
        code = main(list(args))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="session")
def model(trained: Trained) -> str:
    return str(trained.folder / "model.pkl")


def test_evaluate_counts_everything(trained: Trained, run) -> None:
    code, out, err = run("evaluate", str(trained.folder / "model.pkl"), *EMBEDDED)
    assert (code, err) == (0, "")
    results = load(trained.folder / "model.pkl")["results"]
    lines = out.splitlines()
    assert f"{results['accuracy']:.2%}".replace("%", " %") in lines[2]
    assert f"error rate {results['error_rate']:.2%}".replace("%", " %") in lines[2]
    assert "1,000 test images of mnist-5k-embedded (not MNIST's 10,000)" in lines[2]
    matrix = [[int(cell) for cell in line.split()[1:]] for line in lines[-10:]]
    assert matrix == results["confusion"]
    (four,) = [line for line in lines if line.startswith("4      ")][:1]
    percents = [float(word) for word in four.replace("%", "").split()[1:3]]
    expected = [100 * results["precision"][4], 100 * results["recall"][4]]
    assert percents == pytest.approx(expected, abs=0.005)


def test_a_folder_stands_for_the_model_in_it(trained: Trained, run) -> None:
    assert run("evaluate", str(trained.folder), *EMBEDDED)[0] == 0


def test_digits_that_were_trained_on_are_not_passed_off_as_new(
    model: str, tmp_path: Path, run
) -> None:
    """The embedded digits are part of MNIST's training set."""
    content = load(model)
    content["data"]["name"] = "mnist"
    save(content, tmp_path / "model.pkl")
    assert "among the images it was trained on" in run("evaluate", str(tmp_path), *EMBEDDED)[1]
    assert "among the images" not in run("evaluate", model, *EMBEDDED)[1]


def test_predict_a_test_image(model: str, run) -> None:
    code, out, _ = run("predict", model, "0", "999", *EMBEDDED)
    assert code == 0
    head, first, last = out.splitlines()[1:4]
    data = load_embedded()
    assert head.split() == ["image", "answer", "truth", *"0123456789"]
    assert [row.split()[2] for row in (first, last)] == [str(data.test_labels[i]) for i in (0, 999)]
    shares = [float(word) for word in first.replace("%", "").split()[3:]]
    assert sum(shares) == pytest.approx(100, abs=0.1)
    assert shares.index(max(shares)) == int(first.split()[1])


def draw(path: Path, image: np.ndarray) -> str:
    pil = pytest.importorskip("PIL.Image")
    pil.fromarray(image).save(path)
    return str(path)


def test_predict_a_picture(model: str, tmp_path: Path, run) -> None:
    """A digit as it is in MNIST, on white paper, larger and off centre: the same answer."""
    image = load_embedded().test_images[500]
    large = np.full((150, 200), 255, np.uint8)
    large[:112, 80:192] = 255 - image.repeat(4, 0).repeat(4, 1)
    as_is = draw(tmp_path / "as_is.png", image)
    inverted = draw(tmp_path / "inverted.png", 255 - image)
    photo = draw(tmp_path / "photo.png", np.stack([large] * 3, -1))

    code, out, _ = run("predict", model, as_is, inverted, photo)
    assert code == 0
    rows = [line.split() for line in out.splitlines()[1:4]]
    assert rows[0][1:] == rows[1][1:]
    assert rows[0][1] == rows[2][1]
    assert "truth" not in out


def test_a_picture_becomes_an_image_as_mnist_has_them(tmp_path: Path) -> None:
    from tinygrad_mnist.cli.picture import read_picture

    image = load_embedded().test_images[500]
    large = np.zeros((300, 200), np.uint8)
    large[100:212, 10:122] = image.repeat(4, 0).repeat(4, 1)
    read = read_picture(draw(tmp_path / "large.png", large))
    assert read.shape == (28, 28) and read.dtype == np.uint8
    difference = np.abs(read.astype(int) - image).mean()
    assert difference < 12, "more than an interpolation's difference"


def test_models_lists_every_recipe(run) -> None:
    code, out, _ = run("models")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(RECIPES)


def test_data_says_what_would_be_used(run) -> None:
    code, out, _ = run("data")
    assert code == 0
    assert "mnist-5k-embedded" in out and "not the real 10,000-image test set" in out


def test_data_verify_finds_what_is_wrong(tmp_path: Path, run) -> None:
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(10, np.uint8))
    code, out, _ = run("data", "verify", "--data", str(tmp_path))
    assert code == 1
    assert out.count("missing") == 3 and "not the canonical t10k-labels" in out


def test_data_verify_the_real_files(full_mnist_dir: Path, run) -> None:
    code, out, _ = run("data", "verify", "--data", str(full_mnist_dir))
    assert (code, out.count(": ok")) == (0, 4)


def test_help_and_version(run) -> None:
    for args in (["--help"], ["train", "--help"], ["predict", "--help"]):
        with pytest.raises(SystemExit) as done:
            main(args)
        assert done.value.code == 0
    with pytest.raises(SystemExit):
        run("--version")


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("", "required: COMMAND"),
        ("trian", "invalid choice: 'trian'"),
        ("train", "name a recipe"),
        ("train mlp-129", "no recipe 'mlp-129'; did you mean mlp-128?"),
        ("train MLP-128", "did you mean mlp-128?"),
        ("train zzz", "there are neuron, mlp-10,"),
        ("train mlp-10 --lr fast", "--lr: invalid float value: 'fast'"),
        ("train mlp-10 --lr 0", "lr must be above 0 and finite, not 0.0"),
        ("train mlp-10 --lr nan", "lr must be above 0 and finite, not nan"),
        ("train mlp-10 --lr inf", "lr must be above 0 and finite, not inf"),
        ("train mlp-10 --epochs 0", "epochs must be at least 1, not 0"),
        ("train mlp-10 --epochs 1.5", "--epochs: invalid int value: '1.5'"),
        ("train mlp-10 --batch-size 0", "batch_size must be at least 1, not 0"),
        ("train mlp-10 --batch-size all", "'all' is neither a number nor 'full'"),
        ("train mlp-10 --hidden 10,x", "'10,x' is not sizes like 256,128,64"),
        ("train mlp-10 --hidden 0", "hidden must be sizes of 1 to 100,000, not (0,)"),
        ("train mlp-10 --seed -1", "seed must be at least 0, not -1"),
        ("train mlp-10 --digit 3", "--digit is for recipes with one output"),
        ("train neuron --digit 10", "digit must be 0 to 9, not 10"),
        ("train mlp-10 --data /no/such", "/no/such: no such folder"),
        ("train mlp-10 --data {file}", "a file; name the folder"),
        ("train mlp-10 --data embedded --out {file}", "a file; name a folder"),
        ("train mlp-10 --data embedded --out {file}/x", "Not a directory"),
        ("train mlp-10 --threads 0", "--threads must be from 1 to"),
        ("train mlp-10 --threads 99999", "the cores here, not 99999"),
        ("train mlp-10 --keep -1", "--keep must be at least 0, not -1"),
        ("train --resume {model}", "training is complete; there is nothing to resume"),
        ("train mlp-10 --resume {model}", "leave out recipe and its flags"),
        ("train --resume {model} --lr 1", "leave out recipe and its flags"),
        ("train --resume /no/such", "/no/such: No such file"),
        ("evaluate", "required: MODEL"),
        ("evaluate /no/such", "/no/such: No such file"),
        ("evaluate {file}", "not a file that save() writes"),
        ("evaluate {empty}", "holds neither model.pkl nor checkpoint.pkl"),
        ("evaluate {misshapen}", "misshapen.pkl: "),
        ("predict {model} /no/such.png", "/no/such.png: No such file"),
        ("predict {model} {file}", "no picture that can be read"),
        ("predict {model} {empty}", "Is a directory"),
        ("predict {model} {blank}", "there is no digit"),
        ("predict {model} 1000 --data embedded", "there are test images 0 to 999, not 1,000"),
        ("data burn", "invalid choice: 'burn'"),
        ("data verify --data embedded", "nothing can be verified"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    command: str, says: str, model: str, tmp_path: Path, run
) -> None:
    (tmp_path / "file").write_text("just text, which is nothing that any command can read")
    (tmp_path / "empty").mkdir()
    content = load(model)
    content["recipe"]["hidden"] = (3,)
    save(content, tmp_path / "misshapen.pkl")
    paths = {name: tmp_path / name for name in ("file", "empty")}
    paths |= {"model": Path(model), "misshapen": tmp_path / "misshapen.pkl"}
    if "{blank}" in command:
        paths["blank"] = Path(draw(tmp_path / "blank.png", np.zeros((50, 50), np.uint8)))
    code, _, err = run(*command.format(**paths).split())
    assert code == 2
    assert err.count("\n") == 1 and err.startswith("tinygrad-mnist: ")
    assert says in err


def test_a_network_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run) -> None:
    def empty(*args: object, **kw: object) -> None:
        tg.zeros(2**58)

    monkeypatch.setattr("tinygrad_mnist.nn.Linear.__init__", empty)
    code, _, err = run("train", "neuron", *EMBEDDED, "--out", str(tmp_path / "out"))
    assert (code, err.count("\n")) == (2, 1) and "not enough memory: Unable to allocate" in err


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch, run) -> None:
    monkeypatch.setattr("tinygrad_mnist.cli.models.run", lambda args: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run("models")


@ahead
def mistaken(folder: Path) -> Ran:
    """A mistake, in a process of its own."""
    return Shell(folder)("train", "mlp-129")


def test_a_mistake_in_a_process_of_its_own(mistaken: Ran) -> None:
    assert (mistaken.code, mistaken.out) == (2, "")
    assert mistaken.err == "tinygrad-mnist: no recipe 'mlp-129'; did you mean mlp-128?\n"


@pytest.mark.skipif(os.name == "nt" or not os.geteuid(), reason="needs permissions that bind")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path, run) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    code, _, err = run("train", "neuron", *EMBEDDED, "--out", str(folder))
    assert code == 2 and "locked" in err and err.count("\n") == 1


@ahead
def into_a_closed_pipe(folder: Path) -> str:
    """The errors of `tinygrad-mnist models | head -0`."""
    shell = Shell(folder)
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(
        shell.command("models"),
        cwd=folder,
        env=shell.environment,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    return ran.stderr


def test_a_reader_that_has_seen_enough(into_a_closed_pipe: str) -> None:
    assert into_a_closed_pipe == ""


@ahead
def models_by_the_script(folder: Path) -> tuple[int, str]:
    """Exit code and output of the function that pyproject.toml installs as tinygrad-mnist."""
    script = "import sys; from tinygrad_mnist.cli import main; sys.exit(main(['models']))"
    (ran,) = pythons(script)
    return ran.returncode, ran.stdout


def test_the_script_is_the_same_program(models_by_the_script: tuple[int, str]) -> None:
    code, out = models_by_the_script
    assert code == 0 and "mlp-128" in out
