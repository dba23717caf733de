"""Adam without torch's compiler."""

import inspect

import torch


class Adam(torch.optim.Adam):
    """:class:`torch.optim.Adam`, to the bit (Kingma & Ba 2015).

    torch wraps the methods of its optimisers so that ``torch.compile`` leaves them alone. The
    first call of any of them loads the compiler, two seconds of every process that trains. Here
    nothing is compiled, and the methods are used without their wrappers.
    """

    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))
    zero_grad = inspect.unwrap(torch.optim.Adam.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Adam.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Adam.load_state_dict)
