#!/usr/bin/env bash
# Trains what this directory publishes, and publishes it. What is stored is skipped, so the same command goes on after
# an interruption. A GPU is advised: without one it takes very long.
#
#   results/fer2013/train.sh DATA WEIGHTS [RUNS [JOBS [OPTION ...]]]      in the root of a clone
#
#   DATA     FER-2013 as a folder or file called fer2013; its test set may be sealed
#   WEIGHTS  a folder with ImageNet's weights of two networks without their tops, mobilenet_2_5_224_tf_no_top.h5 and
#            efficientnet_lite0_notop.npz; or `random`
#   RUNS     the store that is trained into
#   JOBS     runs at once
#   OPTION   of every `benchmark run` and `tune` beside its own, such as --precision bfloat16; or --epochs 1, to see that
#            all of it works
set -euo pipefail
data=$1 weights=$2 runs=${3:-runs} jobs=${4:-1} options=("${@:5}")  # expanded as older shells need an empty one
mobilenet=$weights/mobilenet_2_5_224_tf_no_top.h5 lite=$weights/efficientnet_lite0_notop.npz
if [ "$weights" = random ]; then mobilenet=random lite=random; fi
here=$(cd "$(dirname "$0")" && pwd)

train() {
    # A run that fails is a row with its reason; the others are still wanted.
    python -m benchmark run "$@" --data "$data" --runs "$runs" --jobs "$jobs" ${options[@]+"${options[@]}"} || true
}

train mlp --seeds 3
train cnn4,cnn7,bayes,dinh,jan,cue_cnn,sepres --seeds 3 --tta flip
# The coursework also had a set with twelve copies of each image: its epochs are thirteen of the originals'.
train cnn4,cnn7,bayes --tta flip --set copies=12
# Augmented on the fly, as these recipes once were: none of the images is plain, half of them are upside down.
train cnn4,cnn7 --tta flip --set copies=0 --set batch_norm=running
# Judged with statistics of upright faces.
train cnn4,cnn7 --tta flip --set copies=0
# The coursework's networks and others of its size with faces upright: what one CPU core trains in an hour or less.
upright() {
    train "$@" --tta flip --set schedule=cosine --set ema=0.998 --set batch_norm=plain --set augmentation=light \
        --set patience=0 --set copies=0
}
# On images that grow.
upright cnn4 --set learning_rate=0.002 --set warmup=1 --set progressive_size=24 --set dropout=0.1 --epochs 12
upright cnn4 --set learning_rate=0.002 --set warmup=1 --set progressive_size=24 --set dropout=0 --epochs 24 --seeds 3
upright cnn7 --set learning_rate=0.002 --set warmup=1 --epochs 14
# Ten in one epoch each, for their average.
train cnn7 --seeds 10 --set schedule=cosine --set batch_norm=plain --set augmentation=light --set patience=0 \
    --set copies=0 --set ema=0.98 --set optimizer=muon --set learning_rate=0.02 --set weight_decay=0.1 --epochs 1
upright bayes --set learning_rate=0.0005 --set warmup=2 --epochs 14
train sepres --tta flip --set schedule=cosine --set ema=0.99 --set batch_norm=plain --set augmentation=light \
    --set patience=0 --set learning_rate=0.002 --set warmup=1 --set progressive_size=24 --epochs 8
upright dinh --set learning_rate=0.002 --set warmup=1 --set batch_size=64 --set dropout=0.3 --epochs 24
# The recipe over so many epochs as one CPU core trains in an hour.
train cnn4,cnn7 --tta flip --epochs 10
train resnet18,vggnet --tta flip,tencrop
# For users without a GPU. Over 12 epochs it takes one CPU core without AVX512 half an hour.
train fast --tta flip,shifts,tencrop
train fast --tta flip,tencrop --epochs 12
# What one core with AVX512 and bfloat16 trains in 38 minutes; with stronger augmentation, too.
train fast --tta flip,shifts,tencrop --epochs 48
train fast --tta flip,shifts --seeds 3 --set augmentation=affine --epochs 48
train fast --tta flip,shifts --set augmentation=affine --set optimizer=muon --set learning_rate=0.02 \
    --set weight_decay=0.1 --set batch_size=256 --set ema=0.99 --epochs 44
# In half the epochs: with shifts as good as the three seeds above.
train fast --tta flip,shifts --seeds 3 --set augmentation=light --set optimizer=muon --set learning_rate=0.02 \
    --set weight_decay=0.1 --set batch_size=256 --set ema=0.99 --epochs 24
# Longer, with images that are mixed: no better.
train fast --tta flip,shifts --set mixup=0.2 --epochs 56
# More of it, with strong augmentation: better with ten crops, and no better without.
train fast --tta flip,tencrop --set augmentation=field --set batch_norm=augmented --epochs 42

# Beyond their recipes, see EXPERIMENTS.md: cosine to the end and averaged weights with statistics of their own, then one
# more lever at a time.
beyond() {
    train "$@" --set schedule=cosine --set patience=0 --set ema=0.999 --epochs 100 --tta flip,tencrop \
        --set batch_norm=augmented
}
beyond resnet18,vggnet
beyond resnet18,vggnet --set mixup=0.2 --set cutmix=1.0
beyond resnet18,vggnet --set loss=symmetric
beyond resnet18,vggnet --set duplicates=drop
beyond vggnet --set loss=label_smoothing
beyond resnet18 --set width=96
beyond resnet18 --set input_size=72
beyond resnet18 --set squeeze=16

# Half of its filters, an eighth of its dense layers: what one CPU core trains within two hours.
half=(vggnet --set width=32 --set dense=512 --set learning_rate=0.03 --set weight_decay=5e-4 --set schedule=cosine
    --set warmup=2 --set patience=0 --set ema=0.999 --set loss=label_smoothing)
train "${half[@]}" --tta flip,tencrop --epochs 60
train "${half[@]}" --tta flip,tencrop --epochs 60 --set batch_norm=augmented

train mobilenet025 --set weights="$mobilenet" --tta flip
through() {
    train mobilenet025 --set weights="$mobilenet" --tta flip,tencrop --set train_base=true --set input_size=96 \
        --set views=0 --set schedule=cosine --set patience=0 "$@"
}
through --set augmentation=light --epochs 12
through --set augmentation=light --set mixup=0.2 --set ema=0.999 --epochs 24
through --set augmentation=light --set mixup=0.2 --set ema=0.999 --set batch_norm=plain --epochs 24
through --set augmentation=light --set mixup=0.2 --set ema=0.999 --set batch_norm=plain --set input_size=128 --epochs 24 \
    --tta flip,shifts,tencrop
through --set augmentation=field --set cutmix=1.0 --set mixup=0.2 --set ema=0.999 --set loss=label_smoothing \
    --epochs 30

train efficientnet_lite0 --set weights="$lite" --tta flip,tencrop --set input_size=64 --set mixup=0.2 --epochs 14
train efficientnet_lite0 --set weights="$lite" --tta flip,shifts --set input_size=96 --set mixup=0.2 --epochs 8
train efficientnet_lite0 --set weights="$lite" --tta flip,shifts --set input_size=96 --set mixup=0.2 --epochs 16
train efficientnet_lite0 --set weights="$lite" --tta flip,shifts --set input_size=96 --set augmentation=affine \
    --set mixup=0.2 --epochs 16
# On images that grow from 64 to 96 pixels.
train efficientnet_lite0 --set weights="$lite" --tta flip,shifts --set mixup=0.2 --set progressive_size=64 --epochs 14
train efficientnet_lite0 --set weights="$lite" --tta flip,shifts --set input_size=112 --set augmentation=affine \
    --set mixup=0.2 --set cutmix=1.0 --epochs 16

# Taught by a network or by an average of some.
average() {
    python -m ensembles build "$1" --name "$2" --data fer2013 --runs "$runs" || true
}
taught() {
    python -m ensembles distill "$@" --data "$data" --runs "$runs" --jobs "$jobs" ${options[@]+"${options[@]}"} || true
}
taught mobilenet025@2ae5d7ef dinh --tta flip
average vggnet@d47cabd1,fast@da4040e6 teacher-small
taught teacher-small@2cc7841c efficientnet_lite0 --set weights="$lite" --tta flip,shifts --set input_size=96 \
    --set mixup=0.2 --set distillation=0.7 --epochs 16 --cycles 2
average efficientnet_lite0@934d3dac,efficientnet_lite0@d5382efd,vggnet@d47cabd1,fast@da4040e6 teacher
taught teacher@75eea90e fast --tta flip,shifts --set augmentation=light --set distillation=0.7 \
    --set distillation_images=plain --epochs 48
average efficientnet_lite0@0ca16843,fast@493ef5db,vggnet@d47cabd1 teacher-b
taught teacher-b@ec35fa5d "${half[@]}" --tta shifts,tencrop --set batch_norm=augmented --set distillation=0.7 \
    --set distillation_images=plain --epochs 44

# Their ImageNet weights are not to be had everywhere: trained through from random ones, at 96 pixels.
train resnet,inception,vgg,mobilenet,cue_vgg --tta flip --set weights=random --set train_base=true \
    --set input_size=96 --set views=0
# And at the images' own size, which a CPU can do.
train resnet --tta flip --set weights=random --set train_base=true --set input_size=48 --set views=0 \
    --set augmentation=light --set schedule=cosine --set patience=0 --set warmup=1 --set ema=0.999 \
    --set batch_norm=plain --set learning_rate=1e-3 --epochs 20
# As small as they can be, in few epochs.
briefly=(--set weights=random --set train_base=true --set augmentation=light --set schedule=cosine --set patience=0
    --set warmup=1 --set ema=0.99 --set batch_norm=plain)
train mobilenet --tta flip,shifts "${briefly[@]}" --set input_size=64 --set optimizer=muon --set learning_rate=0.02 \
    --set weight_decay=0.1 --set batch_size=128 --epochs 16
train inception --tta flip "${briefly[@]}" --set views=0 --set copies=0 --set learning_rate=1e-3 --epochs 4
# VGG16 has no batch normalisation, which Muon does not miss.
vgg16=("${briefly[@]}" --set views=0 --set input_size=32 --set optimizer=muon --set learning_rate=0.02
    --set weight_decay=0.1 --set batch_size=128)
train vgg --tta flip "${vgg16[@]}" --set dropout=0.1 --epochs 4
train cue_vgg --tta flip "${vgg16[@]}" --set dropout=0.2 --epochs 7
# Its epochs have more images: classes are brought to one size by copies.
train cue_vgg_beta --tta flip "${vgg16[@]}" --set dropout=0.2 --epochs 4
# With one of these in its teacher, at 112 pixels; and what the second cycle says of the training images, for whoever
# goes on from it where its network is not at hand.
average efficientnet_lite0@211010ce,mobilenet@d347781e teacher-c
taught teacher-c@02ec75ef efficientnet_lite0 --set weights="$lite" --tta flip,shifts --set input_size=112 \
    --set mixup=0.2 --set distillation=0.7 --set distillation_images=plain --epochs 14 --cycles 2
python -m ensembles soft-targets efficientnet_lite0:cycle-2:taught@031a4f7a -o "$here/soft-targets.npz" \
    --data "$data" --runs "$runs" || true
# Taught by that file, on images of 96 pixels again.
taught "$here/soft-targets.npz" efficientnet_lite0 --set weights="$lite" --tta flip,shifts --set mixup=0.2 \
    --set distillation=0.7 --seed 1 --epochs 16 --cycles 2
# The small MobileNet, taught by it: no better.
taught "$here/soft-targets.npz" mobilenet025 --set weights="$mobilenet" --tta flip,shifts --set train_base=true \
    --set views=0 --set schedule=cosine --set patience=0 --set augmentation=light --set mixup=0.2 --set ema=0.999 \
    --set batch_norm=plain --set input_size=128 --set distillation=0.7 --epochs 24

# The coursework's network and others from random weights, too, most in two cycles.
taught "$here/soft-targets.npz" "${half[@]}" --tta flip,shifts --set augmentation=light --set batch_norm=plain \
    --set distillation=0.7 --epochs 20 --cycles 2
taught "$here/soft-targets.npz" dinh --tta flip,shifts --set schedule=cosine --set ema=0.998 --set batch_norm=plain \
    --set augmentation=light --set patience=0 --set learning_rate=0.002 --set warmup=1 --set batch_size=64 \
    --set dropout=0.3 --set distillation=0.7 --epochs 20 --cycles 2
taught "$here/soft-targets.npz" mobilenet --tta flip,shifts "${briefly[@]}" --set views=0 --set input_size=80 \
    --set progressive_size=48 --set optimizer=muon --set learning_rate=0.02 --set weight_decay=0.1 \
    --set batch_size=128 --set distillation=0.7 --epochs 22
taught "$here/soft-targets.npz" bayes --tta flip,shifts --set schedule=cosine --set ema=0.998 --set batch_norm=plain \
    --set augmentation=light --set patience=0 --set copies=0 --set learning_rate=0.0005 --set warmup=2 \
    --set distillation=0.7 --epochs 14 --cycles 2

# A search as small as one core makes in a quarter of an hour.
python -m benchmark tune bayes --data "$data" --runs "$runs" --trials 2 --epochs 8 --set filters=32 --set dropout=0 \
    --set schedule=cosine --set ema=0.998 --set batch_norm=plain --set augmentation=light --set patience=0 \
    --set copies=0 --set warmup=1 ${options[@]+"${options[@]}"} || true
python -m benchmark tune bayes --data "$data" --runs "$runs" --trials 30 ${options[@]+"${options[@]}"} || true

python -m ensembles build cnn7@8cf11668 --seeds 10 --name cnn7x10 --data fer2013 --runs "$runs" || true
for method in average geometric vote weighted greedy stacking; do
    python -m ensembles build --from all --method $method --name $method-all --data fer2013 --runs "$runs" || true
done
python -m ensembles build --from all --method stacking --features shared --name shared-all --data fer2013 --runs "$runs" || true
# The best view of each training that has 66 % or more on validation.
best=efficientnet_lite0:taught:shifts@798708ac,efficientnet_lite0:shifts@aa3e8a49,vggnet:tencrop@3e392979
best+=,vggnet:tencrop@fc91cfec,fast:shifts@d2bce900,fast:shifts@1319444b,mobilenet025:shifts@74db4520
best+=,fast:taught:shifts,vggnet:taught:tencrop,efficientnet_lite0:cycle-2:taught:shifts@cb45d9cb
best+=,efficientnet_lite0:cycle-2:taught:shifts@a9363e62,efficientnet_lite0:taught@b8980d3c
best+=,efficientnet_lite0@934d3dac,efficientnet_lite0@d5382efd,efficientnet_lite0:taught:shifts@ee6463ba
best+=,efficientnet_lite0:cycle-2:taught:shifts@a90e3027
python -m ensembles build $best --method stacking --features shared --name shared-best --data fer2013 --runs "$runs" || true
# The three that were trained in two cycles.
average efficientnet_lite0:cycle-2:taught:shifts@cb45d9cb,efficientnet_lite0:cycle-2:taught:shifts@a9363e62\
,efficientnet_lite0:cycle-2:taught:shifts@a90e3027 trio
python -m benchmark publish --runs "$runs" --data fer2013 --to "$here"
# Explained as it is published, with rounded predictions, so that whoever does it again finds the same.
for ensemble in shared-best trio; do
    python -m ensembles explain $ensemble --data fer2013 --runs "$here" > /dev/null || true
done
