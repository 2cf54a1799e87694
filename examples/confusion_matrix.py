# %% [markdown]
# # Which classes are taken for which?
#
# Classifies a folder of labelled pictures and plots the confusion matrix. Each `# %%` begins a cell in editors that know
# them (VS Code, Spyder, Jupyter with jupytext); as a program it is `python confusion_matrix.py imagenette/val`.
# It needs the packages smlp and matplotlib.

# %%
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy

import smlp

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "imagenette/val")
model = smlp.Model.bundled()  # or smlp.Model.load("smlp_t.pth", classes="imagenet_classes.txt")

# %% [markdown]
# The accuracy first. `evaluate` matches the names of the class folders with the model's classes, and refuses to guess.

# %%
report = smlp.evaluate(folder, model)
print(report)
class_of_folder = {row.folder: row.index for row in report.per_class}

# %% [markdown]
# Then the answers themselves. `stream` reads ahead and keeps the order; a broken picture has an error, and the others go on.

# %%
files = sorted(file for file in folder.glob("*/*") if file.is_file())
confusion = numpy.zeros((model.num_classes, model.num_classes), int)
for file, answer in zip(files, smlp.Session(model).stream(files, top=1)):
    if answer.ok:
        confusion[class_of_folder[file.parent.name], answer.result()[0].index] += 1
    else:
        print(f"left out: {file}: {answer.error}")

right = confusion.trace() / confusion.sum()
print(f"{confusion.sum()} pictures, {right:.4f} of them right")

# %% [markdown]
# Rows are what the folders say, columns what the model says; a cell is the share of its row.

# %%
names = [name.split(",")[0] for name in model.class_names]
shares = confusion / numpy.maximum(confusion.sum(axis=1, keepdims=True), 1)
figure, axes = plt.subplots(figsize=(8, 7), layout="constrained")
image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
axes.set(xlabel="answered", ylabel="is", title=f"{right:.1%} of {confusion.sum()} pictures right")
axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
axes.set_yticks(range(len(names)), names)
for row, column in zip(*numpy.nonzero(confusion)):
    colour = "white" if shares[row, column] > 0.5 else "black"
    axes.text(column, row, str(confusion[row, column]), ha="center", va="center", color=colour)
figure.colorbar(image, label="share of the row")
figure.savefig("confusion.png", dpi=150)
