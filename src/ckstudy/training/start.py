"""Where a training starts from, other than at random: the weights of a trained network."""

from ckstudy.errors import StudyError
from ckstudy.networks import Localiser
from ckstudy.networks.release import load_model


def take_weights(network: Localiser, model: str) -> None:
    """Give ``network`` the weights and statistics of the trained network ``model``.

    Parameters
    ----------
    network : Localiser
        As it will be trained, its ``input_scaling`` set.
    model : str
        Name of a network that comes with the package, or path of a ``model.safetensors``.

    Raises
    ------
    StudyError
        Where there is no such network, or it is another one in any of its options.
    """
    trained = load_model(model)
    has = {"network": trained.name, "input_scaling": trained.input_scaling, **trained.options}
    wanted = {"network": network.name, "input_scaling": network.input_scaling, **network.options}
    differ = [key for key in wanted | has if wanted.get(key) != has.get(key)]
    if differ:
        told = ", ".join(f"{key} {has.get(key)} (here {wanted.get(key)})" for key in differ)
        raise StudyError(f"start_from: {model} is a network with {told}; make them agree")
    network.load_state_dict(trained.state_dict())
