"""Learning rate and moving average."""

import copy

import pytest
import torch

from napari_scarseg.training.schedule import learning_rate, update_average


def test_warm_up_peak_and_end() -> None:
    rates = [learning_rate(step, peak=2.0, warmup_steps=10, steps=110) for step in range(110)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == pytest.approx(2.0)
    assert rates[60] == pytest.approx(1.0)
    assert rates[-1] < 0.01
    assert rates == sorted(rates[:10]) + sorted(rates[10:], reverse=True)


def test_average_converges_to_a_network_at_rest_and_takes_its_statistics() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    average = copy.deepcopy(network)
    with torch.no_grad():
        network[0].weight.fill_(3.0)
        network[1].running_mean.fill_(7.0)
    for step in range(60):
        update_average(average, network, decay=0.9, step=step)
    assert average[0].weight.mean().item() == pytest.approx(3.0, abs=0.05)
    assert average[1].running_mean[0].item() == pytest.approx(7.0, abs=0.1)
    assert average[0].weight.mean().item() != 3.0
