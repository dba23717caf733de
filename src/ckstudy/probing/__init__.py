"""What a trained network does when it is probed: perturbations, gradients, costs."""
