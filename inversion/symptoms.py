"""What the statistics of an encoder's training show to go wrong."""

from running.symptoms import Symptoms

BEGUN = 500  # iterations, by which people should be told apart
LEAST_VARIETY = 0.1  # spreads of w, between the latents of a batch


class EncoderSymptoms(Symptoms):
    """One that says nearly the same of everybody as well."""

    def of(self, line: dict[str, float]) -> dict[str, str]:
        symptoms = super().of(line)
        if line["iteration"] >= BEGUN and line.get("variety", 1) < LEAST_VARIETY:
            symptoms["variety"] = (
                f"latents differ by {line['variety']:.2f} of the spread of w: the encoder says nearly the same of everybody; "
                "train longer or faster, and hold latents less near the mean"
            )
        return symptoms
