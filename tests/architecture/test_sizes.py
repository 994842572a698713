"""How large things may grow; there is no list of exemptions."""

from collections import Counter

from tests.architecture.sources import length, nesting, parameters, sources

MODULE_LINES = 400
TEST_MODULE_LINES = 500
FUNCTION_LINES = 50
PARAMETERS = 5
NESTING = 3
FOLDER_MODULES = 15


def test_there_are_modules_to_look_at() -> None:
    """What finds none is content with everything."""
    assert len([source for source in sources() if not source.is_test]) > 300
    assert len([source for source in sources() if source.is_test]) > 100


def test_a_module_fits_in_a_head() -> None:
    too_long = {
        source.name: source.lines
        for source in sources()
        if source.lines > (TEST_MODULE_LINES if source.is_test else MODULE_LINES)
    }

    assert too_long == {}


def test_a_function_fits_on_a_screen() -> None:
    too_long = {
        f"{source.name}:{function.lineno} {function.name}": length(function)
        for source in sources()
        for function in source.functions()
        if length(function) > FUNCTION_LINES
    }

    assert too_long == {}


def test_a_function_takes_few_arguments() -> None:
    """Not of tests: their fixtures arrive as arguments, and pytest is the caller."""
    too_many = {
        f"{source.name}:{function.lineno} {function.name}": parameters(function)
        for source in sources()
        if not source.is_test
        for function in source.functions()
        if parameters(function) > PARAMETERS
    }

    assert too_many == {}


def test_blocks_do_not_nest_deeply() -> None:
    too_deep = {
        f"{source.name}:{function.lineno} {function.name}": nesting(function)
        for source in sources()
        for function in source.functions()
        if nesting(function) > NESTING
    }

    assert too_deep == {}


def test_a_folder_holds_few_modules() -> None:
    folders = Counter(source.path.parent for source in sources() if source.path.name != "__init__.py")

    assert {str(folder): count for folder, count in folders.items() if count > FOLDER_MODULES} == {}
